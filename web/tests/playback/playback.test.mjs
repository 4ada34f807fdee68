/** The playback page of an exchange's run in a real browser, before the real program: what it shows is what the log has. */

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';

import { DESKTOP, lastBar, launch } from '../browser.mjs';
import { freePort, until } from '../market.mjs';

const programs = resolve(process.env.KLINED_BIN ?? '../target/debug');
const pictures = process.env.KLINED_PICTURES ?? tmpdir();
const DAY = '2026-01-02';
const RUN = '--seed 42 --seconds 1200 --trading-days nyse --securities AAPL:10000,MSFT:15000'.split(' ');

let browser;
let directory;
const children = [];

const run = (program, ...args) => execFileSync(join(programs, program), args, { cwd: directory, encoding: 'utf8', maxBuffer: 1 << 28 });

function start(program, ...args) {
  const child = spawn(join(programs, program), [...args, '--no-log-files'], { cwd: directory, stdio: 'ignore' });
  children.push(child);
  return child;
}

async function serve(folder) {
  const port = await freePort();
  start('exchange-playback', '--input', folder, '--addr', String(port));
  await until('the playback is served', async () => (await fetch(`http://127.0.0.1:${port}/api/run`)).ok);
  return `http://127.0.0.1:${port}/`;
}

/** A page that must report no error. */
async function openPage(url, options = DESKTOP) {
  const page = await browser.newPage(options);
  page.errors = [];
  page.on('pageerror', (error) => page.errors.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && page.errors.push(message.text()));
  await page.goto(url);
  return page;
}

const text = (page, id) => page.locator(`#${id}`).textContent();
const seconds = (clock) => clock.split(':').reduce((sum, part) => 60 * sum + Number(part), 0);

/** Book and figures of the log up to a second: computed from the dump, by no code of the page or the server. */
function expected(symbol, second) {
  const lines = run('exchange-log', 'dump', `run/${symbol}/${DAY}.qrsdp`).trim().split('\n').slice(1);
  const events = lines.map((line) => line.split(',')).filter(([ts]) => Number(ts) <= second * 1e9);
  const trades = events.filter(([, , name]) => name.startsWith('EXECUTE'));
  return { events: events.length, volume: trades.reduce((sum, trade) => sum + Number(trade[5]), 0), last: Number(trades.at(-1)[4]) };
}

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'klined-playback-'));
  run('exchange-producer', ...RUN, '--days', '2', '--output', 'run', '--no-log-files');
  browser = await launch();
});

after(async () => {
  await browser?.close();
  for (const child of children) child.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

test('a finished run is played, paused, sought and turned over to the next session', async () => {
  const url = await serve('run');
  const page = await openPage(url);
  await page.waitForFunction(() => document.querySelector('#state').dataset.state === 'playing');
  assert.equal(await text(page, 'state'), 'Playing at 10×');
  assert.deepEqual(await page.locator('#security option').allTextContents(), ['AAPL', 'MSFT']);
  assert.deepEqual(await page.locator('#session option').allTextContents(), ['2026-01-02', '2026-01-05']);
  await until('trades are shown', async () => (await page.locator('#trades tbody tr').count()) > 5);

  // Pause holds the time, and the state is announced.
  await page.keyboard.press('Space');
  await page.waitForFunction(() => document.querySelector('#state').textContent.startsWith('Paused at 09:3'));
  const held = await text(page, 'clock');
  assert.equal(await page.locator('#play').getAttribute('aria-pressed'), 'true');
  await page.waitForTimeout(400);
  assert.equal(await text(page, 'clock'), held);

  // A minute on, twice, still paused: the figures are the log's at that time.
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  await until('the sought time is shown', async () => seconds(await text(page, 'clock')) >= seconds(held) + 119);
  const number = async (id) => Number((await text(page, id)).replaceAll(',', ''));
  await until('the figures are there', async () => (await text(page, 'state')).startsWith('Paused at 09:3'));
  const at = (await page.evaluate(() => Number(document.querySelector('#time').value)));
  // The page stands between two whole seconds.
  const [least, most] = [expected('AAPL', Math.floor(at) - 1), expected('AAPL', Math.ceil(at) + 1)];
  const [events, volume] = [await number('events'), await number('volume')];
  assert.ok(least.events <= events && events <= most.events, `${least.events} ${events} ${most.events}`);
  assert.ok(least.volume <= volume && volume <= most.volume, `${least.volume} ${volume} ${most.volume}`);

  // The ladder: five levels a side, best prices beside the spread, prices falling from top to bottom.
  const prices = (await page.locator('#ladder .price').allTextContents()).map(Number);
  assert.equal(prices.length, 10);
  assert.deepEqual(prices, prices.toSorted((a, b) => b - a));
  assert.equal(String(prices[4].toFixed(2)), await text(page, 'ask'));
  assert.equal(String(prices[5].toFixed(2)), await text(page, 'bid'));
  await page.screenshot({ path: join(pictures, 'playback-light.png') });

  // To the end at full speed: the closing figures are those of the whole log, and the next session follows.
  const whole = expected('AAPL', 86_400);
  await page.evaluate(() => (window.seen = []));
  await page.evaluate(() => {
    new MutationObserver(() => {
      if (document.querySelector('#state').dataset.state === 'ended') {
        window.seen.push(['events', 'volume', 'last'].map((id) => document.querySelector(`#${id}`).textContent));
      }
    }).observe(document.querySelector('#state'), { attributes: true, childList: true });
  });
  await page.locator('#speed').selectOption('1000');
  await page.locator('#play').click();
  await until('the session ends', async () => (await page.evaluate(() => window.seen.length)) > 0);
  const [ended] = await page.evaluate(() => window.seen);
  assert.equal(Number(ended[0].replaceAll(',', '')), whole.events);
  assert.equal(Number(ended[1].replaceAll(',', '')), whole.volume);
  assert.equal(ended[2], (whole.last / 100).toFixed(2));
  await until('the next session is played', async () => (await page.locator('#session').inputValue()) === '1');
  assert.deepEqual(page.errors, []);
  await page.close();
});

test('a run is shown while it is made, in the dark and on a phone too', async () => {
  start('exchange-producer', ...RUN, '--days', '1', '--output', 'live', '--realtime', '--speed', '20');
  await until('the run begins', () => run('exchange-log', 'info', `live/AAPL/${DAY}.qrsdp`));
  const url = await serve('live');
  const page = await openPage(url, { viewport: { width: 390, height: 844 }, colorScheme: 'dark' });
  await until('the newest events are shown', async () => (await text(page, 'state')) === 'Newest');
  const first = await text(page, 'clock');
  await until('the time goes on', async () => seconds(await text(page, 'clock')) > seconds(first) + 10);
  // Nothing is wider than the screen.
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  const dark = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  assert.equal(dark, 'rgb(15, 19, 24)');
  assert.deepEqual(page.errors, []);
  await page.screenshot({ path: join(pictures, 'playback-phone.png') });
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.screenshot({ path: join(pictures, 'playback-dark.png') });
  await page.close();
});

test('every control has a name, and pages of other sites and other hosts are refused', async () => {
  const url = await serve('run');
  const page = await openPage(url);
  await page.waitForFunction(() => document.querySelector('#state').dataset.state === 'playing');
  for (const [role, name] of [['button', 'Pause'], ['combobox', 'Security'], ['combobox', 'Session'], ['combobox', 'Speed'], ['slider', 'Time of the session'], ['table', ''], ['status', '']]) {
    const found = page.getByRole(role, name ? { name } : {});
    assert.ok((await found.count()) > 0, `${role} ${name}`);
  }
  // Tab reaches the controls in their order.
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'security');
  await page.close();
  const status = async (path, headers) => (await fetch(`${url}${path}`, { headers })).status;
  assert.equal(await status('api/run', { origin: 'https://evil.example' }), 403);
  assert.equal(await status('', { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'script' }), 403);
  assert.equal(await status('api/events?security=2&session=0&speed=1', {}), 400);
  assert.equal(await status('api/events?security=0&session=0&speed=-1', {}), 400);
  assert.equal(await status('api/events?security=0&session=0&speed=1&bogus=1', {}), 400);
  const policy = (await fetch(url)).headers.get('content-security-policy');
  assert.match(policy, /default-src 'self'/);
});

test('the chart page shows the trades as bars while they are made', async () => {
  const database = `sqlite:///${join(directory, 'bars.db')}`;
  const run = '--seed 7 --seconds 3600 --days 1 --trading-days nyse --securities AAPL:10000 --realtime --speed 120 --output charted'.split(' ');
  start('exchange-producer', ...run, '--bars', database);
  const port = await freePort();
  const serves = async () => (await fetch(`http://127.0.0.1:${port}/api/klines?symbol=AAPL&interval=1m&limit=2`)).json();
  let server;
  await until('the market is served with bars', async () => {
    // There is no market before the first bar, and then the server ends.
    if (server === undefined || server.exitCode !== null) {
      server = start('market-api', '--addr', String(port), '--api-keys', 'none', '--db-url', database);
      await new Promise((go) => setTimeout(go, 500));
    }
    return (await serves()).length > 0;
  });
  const page = await openPage(`http://127.0.0.1:${port}/`);
  await until('the chart shows a bar', async () => /\d/.test(await lastBar(page)));
  // The page receives bars over its WebSocket: three minutes later than the one that it showed first.
  const seen = new Set();
  await until('new bars come', async () => seen.add(await lastBar(page)).size > 3);
  const [newest] = (await serves()).slice(-1);
  const { volume, trades } = newest;
  assert.ok(volume > 0 && volume === trades, JSON.stringify(newest));
  assert.deepEqual(page.errors, []);
  await page.screenshot({ path: join(pictures, 'playback-chart.png') });
  await page.close();
});
