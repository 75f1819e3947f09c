// Takes Alertmanager's webhooks (POST /), and gives back every alert that came, in order (GET /).
import { createServer } from 'node:http'

const alerts = []

createServer(async (request, response) => {
  if (request.method === 'POST') {
    const chunks = []
    for await (const chunk of request) chunks.push(chunk)
    alerts.push(...JSON.parse(Buffer.concat(chunks).toString()).alerts)
    response.end()
    return
  }
  response.setHeader('content-type', 'application/json').end(JSON.stringify(alerts))
}).listen(9000, '0.0.0.0')
