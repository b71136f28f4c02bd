// Elements are made here, from text alone: nothing is ever parsed as markup.

export const $ = id => document.getElementById(id);

export function el(tag, attrs, ...children) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(attrs || {})) {
    if (v === undefined || v === null || v === false) continue;
    if (k === 'on') for (const [type, f] of Object.entries(v)) e.addEventListener(type, f);
    else e.setAttribute(k, v === true ? '' : v);
  }
  e.append(...children.filter(c => c !== null && c !== undefined && c !== false));
  return e;
}

export function svg(tag, attrs) {
  const e = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [k, v] of Object.entries(attrs || {})) e.setAttribute(k, v);
  return e;
}

// put writes what has changed, so that a selection stays and nothing is laid out in vain.
export function put(e, text) {
  text = String(text);
  if (e.textContent !== text) e.textContent = text;
}

export function attr(e, name, value) {
  if (value === null || value === undefined || value === false) {
    if (e.hasAttribute(name)) e.removeAttribute(name);
  } else if (e.getAttribute(name) !== String(value)) e.setAttribute(name, value);
}

// each makes the children of parent those of items, in order: an item whose key was there
// keeps its element, and its place of scrolling, focus and selection.
export function each(parent, items, key, make, update) {
  const old = parent.parts || new Map();
  const parts = new Map();
  let at = parent.firstElementChild;
  for (const item of items) {
    const k = key(item);
    if (parts.has(k)) continue;
    const e = old.get(k) || make(item);
    parts.set(k, e);
    if (update) update(e, item);
    if (e === at) at = at.nextElementSibling;
    else parent.insertBefore(e, at);
  }
  for (const [k, e] of old) if (!parts.has(k)) e.remove();
  parent.parts = parts;
}

const whole = new Intl.NumberFormat('en');
export const num = n => whole.format(n);

export function bytes(n) {
  for (const unit of ['B', 'KB', 'MB', 'GB']) {
    if (n < 1000) return (n < 10 && unit !== 'B' ? n.toFixed(1) : Math.round(n)) + ' ' + unit;
    n /= 1000;
  }
  return n.toFixed(1) + ' TB';
}

export function span(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return s + ' s';
  if (s < 3600) return Math.floor(s / 60) + ' min' + (s < 600 && s % 60 ? ' ' + s % 60 + ' s' : '');
  if (s < 86400) return Math.floor(s / 3600) + ' h ' + Math.floor(s % 3600 / 60) + ' min';
  return Math.floor(s / 86400) + ' days';
}

export const clock = ms => new Date(ms).toLocaleTimeString('en-GB');

export const plural = (n, one) => num(n) + ' ' + one + (n === 1 ? '' : 's');

// place shows a function and where it is, the position first to go when there is room for
// both, and never cut.
export function place(p) {
  if (!p) return el('span', {class: 'place dim'}, '');
  return el('span', {class: 'place', title: p.full}, el('span', {class: 'fn'}, p.name || ''), p.pos ? el('span', {class: 'pos'}, p.pos) : null);
}

export async function ask(path, signal) {
  const r = await fetch(path, {signal, headers: {Accept: 'application/json'}});
  if (!r.ok) throw Object.assign(new Error((await r.text()).trim()), {status: r.status});
  return r.json();
}
