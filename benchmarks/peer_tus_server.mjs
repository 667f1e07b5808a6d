// @tus/server with its own file store, as its README starts it. Arguments: the folder of the
// packages, a port, the folder for the files.
import { createRequire } from "node:module"
import { pathToFileURL } from "node:url"

const [packages, port, directory] = process.argv.slice(2)
const require = createRequire(`${packages}/package.json`)
const load = (name) => import(pathToFileURL(require.resolve(name)))
const { Server } = await load("@tus/server")
const { FileStore } = await load("@tus/file-store")

const server = new Server({ path: "/uploads", datastore: new FileStore({ directory }) })
server.listen({ host: "127.0.0.1", port: Number(port) })
