// Sends one file with tus-js-client as its users do. Arguments: the folder of the packages, and the
// task as JSON: {url, token, path, options, abortAt, stream}. Prints {url, requests} as JSON.
import { createReadStream } from "node:fs"
import { readFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { PassThrough } from "node:stream"

const [packages, json] = process.argv.slice(2)
const tus = createRequire(`${packages}/package.json`)("tus-js-client")
const task = JSON.parse(json)

const input = task.stream
  ? createReadStream(task.path).pipe(new PassThrough()) // no file any more, so of unknown length
  : await readFile(task.path)
const requests = []

function send(more) {
  return new Promise((resolve, reject) => {
    let aborted = false
    const upload = new tus.Upload(input, {
      endpoint: `${task.url}/uploads/`,
      headers: { Authorization: `Bearer ${task.token}` },
      metadata: { filename: "sent by tus-js-client.bin" },
      retryDelays: [0, 200, 500, 1000, 2000, 2000, 2000],
      onAfterResponse: (request, response) => {
        requests.push(`${request.getMethod()} ${response.getStatus()}`)
      },
      ...task.options,
      ...more,
      onProgress: (sent) => {
        if (task.abortAt && !aborted && !more && sent >= task.abortAt) {
          aborted = true
          upload.abort().then(() => resolve(upload))
        }
      },
      onSuccess: () => resolve(upload),
      onError: reject,
    })
    upload.start()
  })
}

let upload = await send()
if (task.abortAt) {
  upload = await send({ uploadUrl: upload.url })
}
if (task.terminate) {
  await tus.Upload.terminate(upload.url, { headers: { Authorization: `Bearer ${task.token}` } })
}
console.log(JSON.stringify({ url: upload.url, requests }))
