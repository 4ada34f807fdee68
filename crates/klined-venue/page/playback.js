/**
 * The playback of an exchange's run. The server keeps the time and sends frames: book, trades since the last frame, figures. The page only
 * shows them. Pause, another time, speed, security or session end the stream and open another one.
 */

const NANOS = 1e9;
/** Rows of the tape, and points of the line. */
const TRADES = 30;
const POINTS = 600;
/** A stream that ends early is opened again after so many milliseconds. */
const AGAIN = 1500;
/** How often the list of sessions is fetched while a run grows, in milliseconds. */
const LOOK = 5000;

const $ = (id) => document.getElementById(id);
const key = document.querySelector('meta[name="klined-key"]').content || new URLSearchParams(location.search).get('api_key') || '';

let run;
let stream;
let timer;
/** Nanoseconds since midnight at which the playback stands; none before the first frame. */
let time;
let isPaused = false;
let hasEnded = false;
let tape = [];
let points = [];

const security = () => Number($('security').value);
const session = () => Number($('session').value);
const speed = () => Number($('speed').value);
const tickSize = () => run.securities[security()].tick_size;

function price(ticks) {
  const size = tickSize();
  return ((ticks * size) / 10000).toFixed(size % 100 === 0 ? 2 : 4);
}

function clock(ns, digits = 0) {
  const seconds = ns / NANOS;
  const two = (number) => String(Math.floor(number)).padStart(2, '0');
  const rest = digits ? `.${String(Math.floor((seconds % 1) * 10 ** digits)).padStart(digits, '0')}` : '';
  return `${two(seconds / 3600)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}${rest}`;
}

/** Parameters that are not there are left out. */
function address(path, parameters = {}) {
  const query = new URLSearchParams(parameters);
  if (key) query.set('api_key', key);
  return query.size ? `${path}?${query}` : path;
}

function say(state, words) {
  const pill = $('state');
  pill.dataset.state = state;
  // The same words again would be read out again.
  if (pill.textContent !== words) pill.textContent = words;
}

function trouble(words) {
  $('trouble').hidden = !words;
  $('trouble').textContent = words ?? '';
}

// What is shown.

function cell(row, name, text) {
  const one = document.createElement('td');
  one.className = name;
  one.textContent = text;
  row.append(one);
  return one;
}

function depthCell(row, units, most) {
  const one = cell(row, '', '');
  if (units === undefined) return;
  const bar = document.createElement('span');
  bar.className = 'depth';
  bar.style.width = `${(90 * units) / most}%`;
  const text = document.createElement('span');
  text.className = 'units';
  text.textContent = units;
  one.append(bar, text);
}

function level(side, [ticks, units], nth, most, traded) {
  const row = document.createElement('tr');
  row.className = `${side}${nth === 0 ? ' best' : ''}${traded.has(ticks) ? ' traded' : ''}`;
  depthCell(row, side === 'bid' ? units : undefined, most);
  cell(row, 'price', price(ticks));
  depthCell(row, side === 'ask' ? units : undefined, most);
  return row;
}

function showBook({ bids, asks, trades }) {
  const most = Math.max(1, ...bids.map(([, units]) => units), ...asks.map(([, units]) => units));
  const traded = new Set(trades.map(([, ticks]) => ticks));
  const gap = document.createElement('tr');
  gap.className = 'gap';
  const middle = cell(gap, '', `spread ${asks[0][0] - bids[0][0]}`);
  middle.colSpan = 3;
  const rows = [
    ...asks.map((one, nth) => level('ask', one, nth, most, traded)).reverse(),
    gap,
    ...bids.map((one, nth) => level('bid', one, nth, most, traded)),
  ];
  $('ladder').tBodies[0].replaceChildren(...rows);
}

function showTrades(frame) {
  tape = [...frame.trades.toReversed(), ...tape].slice(0, TRADES);
  const rows = tape.map(([at, ticks, units, isBuy]) => {
    const row = document.createElement('tr');
    row.className = isBuy ? 'buy' : 'sell';
    for (const text of [clock(at, 3), price(ticks), units, isBuy ? 'buyer' : 'seller']) cell(row, '', text);
    return row;
  });
  $('trades').tBodies[0].replaceChildren(...rows);
  const left = Math.max(0, frame.trade_count - frame.trades.length);
  $('unshown').hidden = left === 0;
  $('unshown').textContent = left ? `and ${left.toLocaleString('en')} more in the last tenth of a second` : '';
}

function draw() {
  const canvas = $('line');
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const ratio = window.devicePixelRatio || 1;
  [canvas.width, canvas.height] = [width * ratio, height * ratio];
  const pen = canvas.getContext('2d');
  pen.scale(ratio, ratio);
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name);
  if (points.length < 2) return;
  const values = points.map(([, value]) => value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const [first, last] = [points[0][0], points.at(-1)[0]];
  const x = (at) => ((at - first) / Math.max(1, last - first)) * (width - 60);
  const y = (value) => 14 + (1 - (value - low) / Math.max(1, high - low)) * (height - 34);
  pen.font = '12px system-ui, sans-serif';
  pen.fillStyle = colour('--muted');
  for (const value of new Set([low, high])) {
    pen.fillText(price(value), width - 54, y(value) + 4);
  }
  pen.fillText(clock(first), 0, height - 2);
  pen.fillText(clock(last), Math.max(70, width - 120), height - 2);
  pen.strokeStyle = colour('--accent');
  pen.lineWidth = 1.5;
  pen.beginPath();
  for (const [at, value] of points) pen.lineTo(x(at), y(value));
  pen.stroke();
  canvas.setAttribute('aria-label', `Mid price from ${clock(first)} to ${clock(last)}: low ${price(low)}, high ${price(high)}`);
}

function show(frame) {
  time = frame.time_ns;
  const [bid, ask] = [frame.bids[0][0], frame.asks[0][0]];
  showBook(frame);
  showTrades(frame);
  $('bid').textContent = price(bid);
  $('ask').textContent = price(ask);
  $('spread').textContent = `${ask - bid} ${ask - bid === 1 ? 'tick' : 'ticks'}`;
  $('last').textContent = frame.last === null ? '–' : price(frame.last);
  $('volume').textContent = frame.volume.toLocaleString('en');
  $('events').textContent = frame.events.toLocaleString('en');
  points.push([time, (bid + ask) / 2]);
  // Every second point is dropped: the line keeps its whole length.
  if (points.length > POINTS) points = points.filter((_, nth) => nth % 2 === 0);
  draw();
  showTime();
}

function showTime() {
  const at = clock(time);
  $('clock').textContent = at;
  $('clock').dateTime = at;
  if (document.activeElement !== $('time') || !isSliding) $('time').value = time / NANOS;
  $('time').setAttribute('aria-valuetext', at);
}

// The stream.

function close() {
  clearTimeout(timer);
  stream?.close();
  stream = undefined;
}

function forget() {
  [tape, points] = [[], []];
}

function open() {
  close();
  hasEnded = false;
  const from = Math.round(time ?? run.open * NANOS);
  const parameters = { security: security(), session: session(), from, speed: speed() };
  const opened = new EventSource(address('/api/events', parameters));
  stream = opened;
  say('connecting', 'Connecting');
  opened.onmessage = ({ data }) => {
    const frame = JSON.parse(data);
    trouble();
    show(frame);
    if (frame.state === 'ended') end();
    else if (frame.state === 'waiting') say('waiting', 'Waiting for the exchange');
    else say('playing', speed() === 0 ? 'Newest' : `Playing at ${speed()}×`);
  };
  opened.addEventListener('failed', ({ data }) => {
    close();
    say('failed', 'Stopped');
    trouble(`The server cannot play this session: ${data}`);
  });
  opened.onerror = () => {
    // A browser would ask for the same begin again.
    close();
    say('connecting', 'Connecting');
    trouble('The server does not answer. The page tries again.');
    timer = setTimeout(open, AGAIN);
  };
}

/** The session is over: the next one follows when it has begun. */
async function end() {
  close();
  hasEnded = true;
  say('ended', 'Session over');
  await look();
  if (!hasEnded || isPaused) return;
  const next = session() + 1;
  if (next < run.first + run.sessions.length) {
    $('session').value = next;
    begin();
  } else {
    timer = setTimeout(end, AGAIN);
  }
}

/** A session from its open on. */
function begin() {
  time = undefined;
  forget();
  if (isPaused) toggle();
  else open();
}

function toggle() {
  isPaused = !isPaused;
  $('play').textContent = isPaused ? 'Play' : 'Pause';
  $('play').setAttribute('aria-pressed', String(isPaused));
  if (!isPaused) return open();
  close();
  say('paused', time === undefined ? 'Paused' : `Paused at ${clock(time)}`);
}

/** Goes to a time in seconds since midnight. Paused, it shows that time and stays there. */
function seek(seconds) {
  const [least, most] = [run.open, run.open + run.seconds];
  time = Math.min(most, Math.max(least, seconds)) * NANOS;
  if (speed() === 0) $('speed').value = '1';
  forget();
  showTime();
  if (isPaused) glance();
  else open();
}

/** One frame at the present time. */
function glance() {
  close();
  const from = Math.round(time);
  const opened = new EventSource(address('/api/events', { security: security(), session: session(), from, speed: 0.01 }));
  stream = opened;
  opened.onmessage = ({ data }) => {
    opened.close();
    show(JSON.parse(data));
    say('paused', `Paused at ${clock(time)}`);
  };
  opened.onerror = () => opened.close();
}

function faster(by) {
  const choice = $('speed');
  choice.selectedIndex = Math.min(choice.options.length - 1, Math.max(0, choice.selectedIndex + by));
  if (!isPaused) open();
}

// The list of what there is.

async function look() {
  const answer = await fetch(address('/api/run'));
  if (!answer.ok) throw new Error(answer.status === 401 ? 'a key is needed: open this page with ?api_key=KEY' : `status ${answer.status}`);
  run = await answer.json();
  const options = (list, chosen) => list.map(([value, text]) => new Option(text, value, false, String(value) === chosen));
  const [chosenSecurity, chosenSession] = [$('security').value, $('session').value];
  const securities = run.securities.map(({ symbol }, nth) => [nth, symbol]);
  const sessions = run.sessions.map((date, nth) => [run.first + nth, date]);
  if ($('security').options.length !== securities.length) $('security').replaceChildren(...options(securities, chosenSecurity));
  if ($('session').options.length !== sessions.length) $('session').replaceChildren(...options(sessions, chosenSession));
  $('run').textContent = run.run;
  [$('time').min, $('time').max] = [run.open, run.open + run.seconds];
}

async function start() {
  try {
    await look();
    if (run.sessions.length === 0) throw new Error('the run has no session yet');
  } catch (error) {
    say('connecting', 'Connecting');
    trouble(`The run cannot be shown: ${error.message}. The page tries again.`);
    setTimeout(start, AGAIN);
    return;
  }
  // A run that is being made is shown from its newest event on.
  if (!run.is_whole) {
    $('session').value = run.first + run.sessions.length - 1;
    $('speed').value = '0';
  }
  open();
  setInterval(() => look().catch(() => {}), LOOK);
}

let isSliding = false;
$('play').addEventListener('click', toggle);
$('security').addEventListener('change', () => (forget(), isPaused ? glance() : open()));
$('session').addEventListener('change', begin);
$('speed').addEventListener('change', () => isPaused || open());
$('time').addEventListener('input', () => ((isSliding = true), ($('clock').textContent = clock($('time').value * NANOS))));
$('time').addEventListener('change', () => ((isSliding = false), seek(Number($('time').value))));
window.addEventListener('resize', draw);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
document.addEventListener('keydown', (event) => {
  // A control keeps the keys that it uses itself.
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches('select, input')) return;
  if (event.target.matches('button') && event.key === ' ') return;
  const keys = {
    ' ': toggle,
    ArrowLeft: () => time !== undefined && seek(time / NANOS - 60),
    ArrowRight: () => time !== undefined && seek(time / NANOS + 60),
    '+': () => faster(1),
    '-': () => faster(-1),
    n: () => (($('speed').value = '0'), isPaused ? toggle() : open()),
  };
  const act = keys[event.key] ?? keys[event.key.toLowerCase()];
  if (act) {
    event.preventDefault();
    act();
  }
});
start();
