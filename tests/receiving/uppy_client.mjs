// Sends one file with Uppy's Tus plugin as its users do. Arguments: the folder of the packages, and the task as JSON:
// {url, token, path, options, pauseAt}. Prints {url, requests} as JSON.
import { readFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { pathToFileURL } from "node:url"

const [packages, json] = process.argv.slice(2)
const find = createRequire(`${packages}/package.json`).resolve
const { default: Uppy } = await import(pathToFileURL(find("@uppy/core")))
const { default: Tus } = await import(pathToFileURL(find("@uppy/tus")))
const task = JSON.parse(json)

const requests = []
const uppy = new Uppy().use(Tus, {
  endpoint: `${task.url}/uploads/`,
  headers: { Authorization: `Bearer ${task.token}` },
  retryDelays: [0, 200, 500, 1000, 2000, 2000, 2000],
  onAfterResponse: (request, response) => {
    requests.push(`${request.getMethod()} ${response.getStatus()}`)
  },
  ...task.options,
})
const id = uppy.addFile({
  name: "sent by Uppy.bin",
  type: "application/octet-stream",
  data: await readFile(task.path),
  meta: { relativePath: "holiday/sent by Uppy.bin" },
})

let paused = false
uppy.on("upload-progress", (file, { bytesUploaded }) => {
  if (!task.pauseAt || paused || bytesUploaded < task.pauseAt) return
  paused = true
  uppy.pauseResume(id)
  setTimeout(() => uppy.pauseResume(id), 300)
})
const { successful, failed } = await uppy.upload()
if (failed.length) throw new Error(failed[0].error)
console.log(JSON.stringify({ url: successful[0].uploadURL, requests }))
process.exit(0)
