// Takes Alertmanager's webhooks (POST /), and gives back every alert that came, in order (GET /).
import { createServer } from 'node:http'
import { json } from 'node:stream/consumers'

const alerts = []

createServer((request, response) => {
  if (request.method === 'GET') {
    response.setHeader('content-type', 'application/json').end(JSON.stringify(alerts))
    return
  }
  json(request).then(
    (body) => {
      alerts.push(...body.alerts)
      response.end()
    },
    (error) => response.writeHead(400).end(String(error)),
  )
}).listen(9000, '0.0.0.0')
