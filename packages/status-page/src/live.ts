/**
 * What makes the page live where JavaScript runs: parts of it come as they change, and are laid over
 * the old ones node by node, so that focus, scrolling and what was unfolded stay as they are.
 */
export const SCRIPT = `
'use strict'
const main = document.querySelector('main')
const live = document.querySelector('.live')
let asOf = live.textContent

function lay(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || old.id !== fresh.id) {
    old.replaceWith(fresh)
    return
  }
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data
    return
  }
  for (const { name, value } of [...fresh.attributes])
    if (old.getAttribute(name) !== value) old.setAttribute(name, value)
  for (const { name } of [...old.attributes])
    if (!fresh.hasAttribute(name) && !(old.nodeName === 'DETAILS' && name === 'open')) old.removeAttribute(name)
  layChildren(old, [...fresh.childNodes])
}

function layChildren(parent, fresh) {
  const old = [...parent.childNodes]
  fresh.forEach((node, index) => (index < old.length ? lay(old[index], node) : parent.append(node)))
  for (const node of old.slice(fresh.length)) node.remove()
}

function parse(text) {
  const template = document.createElement('template')
  template.innerHTML = text
  return template.content.firstElementChild
}

function show(state, words) {
  live.dataset.state = state
  live.textContent = words
}

function update({ order, changed, takenAt, title }) {
  for (const section of [...main.children]) if (!order.includes(section.id)) section.remove()
  order.forEach((id, index) => {
    const old = document.getElementById(id)
    if (id in changed) {
      const fresh = parse(changed[id])
      if (old === null) main.insertBefore(fresh, main.children[index] ?? null)
      else lay(old, fresh)
    }
  })
  document.title = title
  asOf = 'as of ' + takenAt
  show('live', 'live, ' + asOf)
}

function watch() {
  const events = new EventSource('events')
  events.addEventListener('sections', ({ data }) => update(JSON.parse(data)))
  events.addEventListener('failed', ({ data }) => show('lost', JSON.parse(data) + '; ' + asOf))
  events.addEventListener('error', () => {
    show('lost', 'connection lost, trying again; ' + asOf)
    // After an answer that is none, as of a proxy while the server restarts, a browser gives up by itself.
    if (events.readyState === EventSource.CLOSED) setTimeout(watch, 3000)
  })
}

watch()
`
