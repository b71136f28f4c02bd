import {$, el, put, attr, num, span, clock, plural} from './dom.js';
import * as now from './now.js';
import * as trouble from './trouble.js';
import * as tree from './tree.js';
import * as search from './search.js';
import * as compare from './compare.js';

const views = {now, trouble, tree, search, compare};
const state = {hello: null, look: null, history: [], skew: 0, paused: false, view: ''};

// The stream. It comes back by itself, after a second, then two, and so on up to five.
let stream = null, retry = 0, timer = 0, watchdog = 0, heard = false;

function connect() {
  clearTimeout(timer);
  if (stream) stream.close();
  stream = new EventSource('events');
  stream.addEventListener('hello', e => greet(JSON.parse(e.data)));
  stream.addEventListener('look', e => { heard = true; retry = 0; take(JSON.parse(e.data)); });
  stream.addEventListener('bye', () => lost('The program shuts down'));
  stream.onerror = () => lost('No answer');
  alarm(10000);
}

function alarm(ms) {
  clearTimeout(watchdog);
  watchdog = setTimeout(() => lost('Nothing heard for ' + span(ms)), ms);
}

function lost(why) {
  if (stream) stream.close();
  stream = null;
  clearTimeout(watchdog);
  clearTimeout(timer);
  retry = Math.min(retry + 1, 5);
  document.body.dataset.link = 'lost';
  const v = $('verdict');
  v.dataset.state = 'wait'; // what was green may be red by now
  put(v.querySelector('.head'), 'No contact');
  put(v.querySelector('.where'), state.look ? 'What is below is of ' + clock(state.look.now[0] + state.skew) + '.' : '');
  live(why + '; trying again');
  if (!document.hidden) timer = setTimeout(connect, retry * 1000);
}

function live(text) { put($('live'), text); attr($('live'), 'title', text); }

// A page that nobody sees costs the program nothing.
let hiding = 0;
document.addEventListener('visibilitychange', () => {
  clearTimeout(hiding);
  if (document.hidden) hiding = setTimeout(() => { lost('Not watched'); }, 30000);
  else if (!stream) { retry = 0; connect(); }
});

addEventListener('pagehide', () => { lost('Away'); clearTimeout(timer); });
addEventListener('pageshow', e => { if (e.persisted) connect(); });

function greet(hello) {
  const before = state.hello;
  state.hello = hello;
  state.history = hello.history.slice();
  put($('title'), hello.title);
  document.title = hello.title + ' – tether';
  put($('program'), 'pid ' + hello.pid + ', ' + hello.go);
  if (before && before.boot !== hello.boot) {
    notice('The program was started again, at ' + clock(Date.now()) + ' or before. Lines and mark begin anew.');
    for (const v of Object.values(views)) if (v.restart) v.restart();
  }
}

let noticed = 0;

function notice(text, ms) {
  const n = $('notice');
  clearTimeout(noticed);
  if (ms) noticed = setTimeout(() => { n.hidden = true; }, ms);
  n.replaceChildren(text, ' ', el('button', {type: 'button', on: {click: () => { n.hidden = true; }}}, 'OK'));
  n.hidden = false;
}

function take(look) {
  document.body.dataset.link = 'live';
  alarm(3 * look.every + 5000);
  state.skew = Date.now() - look.now[0];
  const last = state.history.at(-1);
  if (!last || last[0] < look.now[0]) state.history.push(look.now);
  if (state.history.length > 300) state.history.shift();
  verdict(look);
  if (state.paused) return live('Paused');
  state.look = look;
  live('Live');
  put($('cost'), `A look took ${look.took < 10 ? look.took.toFixed(1) : Math.round(look.took)} ms and is taken every ${span(look.every)}. ` +
    (look.partial ? `It saw the newest ${num(look.looked)} owners only.` : `It saw ${plural(look.looked, 'owner')}.`));
  show();
}

function verdict(look) {
  const grave = look.trouble.filter(t => t.grave).length, all = look.trouble.length;
  const v = $('verdict');
  v.dataset.state = grave ? 'bad' : all ? 'odd' : 'good';
  put(v.querySelector('.head'), grave ? plural(grave, 'thing') + (grave === 1 ? ' is wrong' : ' are wrong') + (all > grave ? `, ${all - grave} may be` : '')
    : all ? plural(all, 'thing') + ' may be wrong' : 'Nothing is wrong');
  const w = v.querySelector('.where'), first = look.trouble[0];
  put(w, first ? trouble.headline(first) + (first.where && first.where.pos ? ' · ' + first.where.pos : '') : 'What grows shows after some looks.');
  put($('count'), all);
  $('count').hidden = !all;
  $('count').dataset.state = grave ? 'bad' : 'odd';
  document.title = (grave ? `(${grave}!) ` : all ? `(${all}) ` : '') + state.hello.title + ' – tether';
}

function show() {
  const v = views[state.view];
  if (state.look && v) v.show(state);
}

// The view is in the address, so that back and reload go where one expects.
function route() {
  const [view, rest] = (location.hash.slice(1) || 'now').split(/=(.*)/s);
  state.view = views[view] ? view : 'now';
  for (const name of Object.keys(views)) $('view-' + name).hidden = name !== state.view;
  for (const a of document.querySelectorAll('nav a')) attr(a, 'aria-current', a.dataset.view === state.view ? 'page' : null);
  if (state.view === 'search') {
    let text = '';
    try { text = decodeURIComponent(rest || ''); } catch { /* not ours */ }
    if ($('q').value !== text) $('q').value = text;
    search.run(text);
  }
  show();
}
addEventListener('hashchange', route);

let typing = 0;
$('q').addEventListener('input', () => {
  clearTimeout(typing);
  typing = setTimeout(submit, 250);
});
$('search').addEventListener('submit', e => { e.preventDefault(); submit(); });
function submit() {
  clearTimeout(typing);
  const text = $('q').value;
  if (text) location.hash = 'search=' + encodeURIComponent(text);
  else if (state.view === 'search') location.hash = 'now';
}

function pause() {
  state.paused = !state.paused;
  attr($('pause'), 'aria-pressed', state.paused);
  put($('pause'), state.paused ? 'Go on' : 'Pause');
  live(state.paused ? 'Paused' : 'Live');
}
$('pause').addEventListener('click', pause);
$('mark').addEventListener('click', mark);
async function mark() {
  await compare.mark(state);
  notice('Marked at ' + clock(Date.now()) + '. Compare shows what has changed since.', 5000);
  show();
}

addEventListener('keydown', e => {
  if (e.ctrlKey || e.metaKey || e.altKey) return;
  if (e.target === $('q')) {
    if (e.key === 'Escape') { $('q').value = ''; submit(); $('q').blur(); }
    if (e.key === 'ArrowDown' && state.view === 'search') { tree.enter($('found')); e.preventDefault(); }
    return;
  }
  const order = ['now', 'trouble', 'tree', 'compare'];
  if (order[e.key - 1]) {
    location.hash = order[e.key - 1];
    if (order[e.key - 1] === 'tree') setTimeout(() => tree.enter($('tree')));
  } else if (e.key === '/') { $('q').focus(); $('q').select(); }
  else if (e.key === 'm') mark();
  else if (e.key === 'p') pause();
  else return;
  e.preventDefault();
});

tree.start(state);
trouble.start();
route();
connect();
