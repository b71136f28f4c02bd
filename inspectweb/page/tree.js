import {$, el, put, attr, each, num, plural, place, ask} from './dom.js';

// What is open, and what the server says of it. Folds come with the tree; the owners of a fold,
// and what one owner holds, are asked for one by one.
const open = new Set();       // keys of folds
const listed = new Map();     // of folds whose owners are shown one by one, by key
const opened = new Map();     // of owners that are open, by id; null until they are known
let state = null, shown = null, asking = false, again = false, failed = '';

export function start(s) {
  state = s;
  for (const t of [$('tree'), $('found')]) {
    t.addEventListener('keydown', keys);
    t.addEventListener('click', e => {
      const row = e.target.closest('.row');
      if (row && getSelection().isCollapsed) { focus(row); toggle(row); }
    });
  }
  $('collapse').addEventListener('click', () => {
    open.clear(); listed.clear(); opened.clear();
    refresh();
  });
}

export function restart() { listed.clear(); opened.clear(); }

export function show() { refresh(); }

// refresh asks for what is shown now. Calls meanwhile are one more.
async function refresh() {
  if (asking) { again = true; return; }
  asking = true;
  try {
    const t = await ask('tree?open=' + [...open].slice(-200).join(','));
    await owners();
    failed = '';
    if (!state.first) { // one root is what everybody opens
      state.first = true;
      if (t.roots.length === 1 && !open.size) { open.add(t.roots[0].key); again = true; }
    }
    shown = t;
  } catch {
    failed = 'No answer: this is how it was.';
  }
  asking = false;
  draw();
  if (again) { again = false; refresh(); }
}

async function owners() {
  const of = async (map, key, path) => {
    try {
      map.set(key, await ask(path + key));
    } catch (e) {
      if (e.status !== 404) throw e;
      map.set(key, {gone: true});
    }
  };
  await Promise.all([...[...listed.keys()].slice(-10).map(k => of(listed, k, 'fold?key=')), ...[...opened.keys()].slice(-20).map(k => of(opened, k, 'owner?id='))]);
}

// The rows, from top to bottom.
function* folds(list, depth) {
  for (const f of list) {
    yield {key: f.key, depth, f, open: f.open, has: f.has, name: f.rest ? 'others' : f.name, n: f.owners, note: f.note, dead: f.dead, held: f.held, total: f.total, own: f.owners, made: f.made};
    if (!f.open) continue;
    yield* holds(f.holds || [], depth + 1, f.key);
    if (f.owners > 1) {
      const l = listed.get(f.key);
      yield {key: f.key + '.one', depth: depth + 1, list: f.key, open: !!l, has: true, name: 'one by one', soft: true};
      if (l && l.gone) yield {key: f.key + '.gone', depth: depth + 2, name: 'they have ended', soft: true};
      else if (l && l.owners) {
        for (const [i, o] of l.owners.entries()) {
          if (!l.all && i === l.owners.length / 2) yield {key: f.key + '.gap', depth: depth + 2, name: `these were the oldest and the newest of ${num(f.owners)}; search finds others`, soft: true};
          yield* owner(o, depth + 2, f.key);
        }
      }
    }
    yield* folds(f.below || [], depth + 1);
  }
}

function* holds(list, depth, key) {
  for (const [i, h] of list.entries()) {
    yield {key: [key, h.kind, h.what, h.func ? h.func.full : i].join('|'), depth, h, name: h.kind, n: h.count, about: h.about, what: h.what, queue: h.queue, made: h.func || h.queue && (h.queue.running || (h.queue.handlers || [])[0])};
  }
}

export function* owner(o, depth, key) {
  const isOpen = opened.has(o.id), d = opened.get(o.id);
  key += '.' + o.id;
  yield {key, depth, id: o.id, open: isOpen, has: true, name: o.path || o.name, note: o.note, total: o.numbers, children: o.children, made: o.made, extra: o.extra};
  if (!isOpen || !d) return;
  if (d.gone) {
    yield {key: key + '.gone', depth: depth + 1, name: 'it has ended', soft: true};
    return;
  }
  yield* holds(d.holds, depth + 1, key);
  if (d.children > d.below.length) yield {key: key + '.gap', depth: depth + 1, name: `the newest ${d.below.length} of ${num(d.children)} children`, soft: true};
  for (const c of d.below) yield* owner(c, depth + 1, key);
  if (!d.holds.length && !d.below.length) yield {key: key + '.none', depth: depth + 1, name: 'it holds nothing', soft: true};
}

function draw() {
  put($('tree-note'), failed || (shown && shown.cut ? 'Close some: there is no room for more lines.' : ''));
  if (!shown) return;
  const rows = shown.roots.length ? [...folds(shown.roots, 0)] : [{key: 'none', depth: 0, name: 'There are no owners.', soft: true}];
  render($('tree'), rows);
}

export function render(tree, rows) {
  each(tree, rows, r => r.key, make, update);
  const all = [...tree.children];
  if (!all.some(e => e.tabIndex === 0) && all[0]) all[0].tabIndex = 0;
  if (tree.wanted) enter(tree);
}

function make() {
  return el('div', {class: 'row', role: 'treeitem', tabindex: '-1'},
    el('span', {class: 'twist', 'aria-hidden': 'true'}), el('span', {class: 'name'}), el('span', {class: 'chips'}), el('span', {class: 'made'}));
}

function update(e, r) {
  e.row = r;
  e.style.setProperty('--depth', Math.min(r.depth, 12));
  attr(e, 'aria-level', r.depth + 1);
  attr(e, 'aria-expanded', r.has ? String(!!r.open) : null);
  attr(e, 'data-soft', r.soft ? '' : null);
  attr(e, 'data-hold', r.h ? '' : null);
  const text = JSON.stringify([r.name, r.n, r.note, r.dead, r.held, r.what, r.about, r.total, r.children, r.queue, r.made, r.extra]);
  if (e.text === text) return;
  e.text = text;
  const [, name, chips, made] = e.children;
  name.replaceChildren(
    el('span', {class: 'text', title: r.name}, r.name), r.what ? el('span', {class: 'what', title: r.what}, r.what) : '',
    r.n > 1 ? el('b', {class: 'times'}, (r.about ? '≈ ' : '× ') + num(r.n)) : '',
    r.note ? el('span', {class: 'note', 'data-state': /cut off|unwinding|ending in/.test(r.note) ? 'odd' : 'good'}, r.note) : '', r.dead && r.n > 1 ? el('span', {class: 'note'}, num(r.dead) + ' dead') : '',
    r.held ? el('span', {class: 'note', 'data-state': 'bad'}, num(r.held) + ' held') : '');
  chips.replaceChildren(...(r.queue ? [bar(r)] : r.extra ? [el('span', {class: 'chip'}, r.extra)] : numbers(r)));
  made.replaceChildren(place(r.made));
}

function numbers(r) {
  const t = r.total;
  if (!t) return [];
  const own = r.own ? t.owners - r.own : r.children;
  return [[own, 'owner'], [t.connections, 'connection'], [t.goroutines, 'goroutine'], [t.timers, 'timer'], [t.cleanups, 'cleanup'], [t.handlers, 'running'], [t.queued, 'queued'], [t.dropped, 'dropped']]
    .filter(([n]) => n > 0).map(([n, what]) => el('span', {class: 'chip', 'data-what': what}, what === 'running' || what === 'queued' || what === 'dropped' ? num(n) + ' ' + what : plural(n, what)));
}

// bar shows how full a queue is.
function bar(r) {
  const q = r.queue, full = q.capacity ? Math.min(1, q.len / q.capacity) : 0;
  const meter = el('span', {class: 'meter', 'data-state': full === 1 ? 'bad' : full > 0.75 ? 'odd' : 'good', role: 'meter', 'aria-label': 'pending', 'aria-valuenow': q.len, 'aria-valuemin': 0, 'aria-valuemax': q.capacity || q.len}, el('i', {}));
  meter.firstChild.style.width = (full * 100).toFixed(1) + '%';
  return el('span', {class: 'queue'}, meter, num(q.len) + (q.capacity ? ' / ' + num(q.capacity) : ' pending'),
    el('span', {class: 'dim'}, `${num(q.taken)} taken`), q.dropped ? el('span', {class: 'warn'}, num(q.dropped) + ' dropped') : '', q.held ? el('span', {class: 'bad'}, num(q.held) + ' held') : '', q.flags ? el('span', {class: 'dim'}, q.flags) : '');
}

function toggle(e) {
  const r = e.row;
  if (!r || !r.has) return;
  const set = r.f ? open : r.list ? listed : opened, key = r.f ? r.key : r.list || r.id;
  if (r.open) set.delete(key);
  else if (set === open) set.add(key);
  else set.set(key, null);
  if (set === open && !r.open) r.open = true; // until the answer is here, no second click undoes it
  changed();
}

// changed is called when what is open has changed. A search is drawn anew, too.
let changed = refresh;
export const onChange = f => { changed = () => { refresh(); f(); }; };
export const ownersNow = owners;

function focus(e) {
  for (const o of e.parentElement.querySelectorAll('[tabindex="0"]')) o.tabIndex = -1;
  e.tabIndex = 0;
  e.focus();
}

// enter puts the keyboard into a tree, as soon as there are lines.
export function enter(tree) {
  const e = tree.querySelector('[tabindex="0"]') || tree.firstElementChild;
  tree.wanted = !e;
  if (e) focus(e);
}

function keys(e) {
  const row = e.target.closest('.row');
  if (!row || e.ctrlKey || e.metaKey || e.altKey) return;
  const up = r => { let p = row; do p = p.previousElementSibling; while (p && p.row.depth >= r.depth); return p; };
  switch (e.key) {
    case 'ArrowDown': go(row.nextElementSibling); break;
    case 'ArrowUp': go(row.previousElementSibling); break;
    case 'Home': go(row.parentElement.firstElementChild); break;
    case 'End': go(row.parentElement.lastElementChild); break;
    case 'ArrowRight':
      if (row.row.has && !row.row.open) toggle(row);
      else if (row.nextElementSibling && row.nextElementSibling.row.depth > row.row.depth) go(row.nextElementSibling);
      break;
    case 'ArrowLeft':
      if (row.row.has && row.row.open) toggle(row);
      else go(up(row.row));
      break;
    case 'Enter': case ' ': toggle(row); break;
    default: return;
  }
  e.preventDefault();
}

function go(e) { if (e) focus(e); }
