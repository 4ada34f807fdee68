/** The page in a real browser, before a real market. */

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { after, before, test } from 'node:test';

import { DATE, DESKTOP, lastBar, launch, pointAtAllBars, stamp } from './browser.mjs';
import { Market, until } from './market.mjs';

const pictures = process.env.KLINED_PICTURES ?? '../target/web';
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, colorScheme: 'light' };

let market;
let browser;

before(async () => {
  mkdirSync(pictures, { recursive: true });
  market = await Market.open('--days', '30', '--speed', '60');
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await market?.close();
});

/** Opens the page; a fault of its own or a request to another site fails the test that closes it. */
async function open(options = DESKTOP, address = '') {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const faults = [];
  page.on('pageerror', (error) => faults.push(error.stack));
  // What the interface refuses, the page tells in its own way; its own files must be there.
  const isAnswer = (message) => new URL(message.location().url || market.url).pathname.startsWith('/api/');
  page.on('console', (message) => {
    if (message.type() === 'error' && !isAnswer(message) && !/net::ERR|WebSocket/.test(message.text())) faults.push(message.text());
  });
  page.on('request', (request) => request.url().startsWith(market.url) || faults.push(`asks ${request.url()}`));
  await page.goto(`${market.url}/${address}`);
  await page.locator('#link[data-state=live]').waitFor();
  await page.locator('#overlay').waitFor({ state: 'hidden' });
  page.finish = async () => {
    await context.close();
    assert.deepEqual(faults, []);
  };
  return page;
}

/** Pixels on the chart's canvases in the colours of the style sheet, and a number that changes with any pixel. */
function pixels(page) {
  return page.evaluate(() => {
    const style = getComputedStyle(document.documentElement);
    const palette = document.createElement('canvas').getContext('2d');
    const rgb = (name) => {
      palette.fillStyle = style.getPropertyValue(name);
      return [1, 3, 5].map((at) => Number.parseInt(palette.fillStyle.slice(at, at + 2), 16));
    };
    const names = ['up', 'down', 'page'];
    const colours = names.map((name) => rgb(`--${name}`));
    const stripes = ['bull', 'bear', 'sideways'].map((name) => rgb(`--${name}-stripe`));
    const counts = { up: 0, down: 0, page: 0, stripes: 0 };
    let sum = 0;
    let all = 0;
    for (const canvas of document.querySelectorAll('#chart canvas')) {
      if (canvas.width === 0 || canvas.height === 0) continue;
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      for (let at = 0; at < data.length; at += 4) {
        if (data[at + 3] === 0) continue;
        all += 1;
        sum = (sum * 31 + data[at] * 65536 + data[at + 1] * 256 + data[at + 2]) % 4294967291;
        const has = ([r, g, b]) => data[at] === r && data[at + 1] === g && data[at + 2] === b;
        colours.forEach((colour, of) => has(colour) && (counts[names[of]] += 1));
        // The stripe of the regimes is at the top edge, where no candle is.
        if (at < 4 * canvas.width && stripes.some(has)) counts.stripes += 1;
      }
    }
    return { ...counts, sum, all };
  });
}


for (const colorScheme of ['light', 'dark']) {
  test(`candles and volume are drawn in ${colorScheme} colours`, async () => {
    const page = await open({ ...DESKTOP, colorScheme });
    // The regimes come after the bars and cover as much of the page's colour as they last.
    await page.keyboard.press('r');
    await until('most of the chart is of the page\'s colour', async () => {
      const drawn = await pixels(page);
      return drawn.up > 1000 && drawn.down > 1000 && drawn.stripes === 0 && drawn.page > drawn.all / 2;
    });
    await page.screenshot({ path: `${pictures}/desktop-${colorScheme}.png` });
    await page.finish();
  });

  test(`regimes are drawn in ${colorScheme} colours until they are switched off`, async () => {
    const page = await open({ ...DESKTOP, colorScheme });
    await until('all bars but the newest have a regime', async () => (await pixels(page)).stripes > 700);
    await page.screenshot({ path: `${pictures}/regimes-${colorScheme}.png` });
    await page.keyboard.press('r');
    await until('the regimes are gone', async () => (await pixels(page)).stripes === 0);
    await page.finish();
  });
}

test('prices, bars and clock go on by themselves', async () => {
  const page = await open();
  const seen = async () => ({ bar: await lastBar(page), clock: await page.locator('#now').textContent(), sum: (await pixels(page)).sum });
  const before = await seen();
  await until('all have changed', async () => {
    const now = await seen();
    return now.bar !== before.bar && now.clock !== before.clock && now.sum !== before.sum;
  });
  const newest = (await market.klines('AAPL', '1m', 1))[0].time;
  await until('a later minute is shown', async () => (await lastBar(page)).startsWith(stamp(newest + 60)) || (await market.klines('AAPL', '1m', 1))[0].time > newest + 60);
  await page.finish();
});

test('the minutes that came while the page was open are the server\'s', async () => {
  const page = await open();
  const newest = (await market.klines('AAPL', '1m', 1))[0].time;
  await until('some have come', async () => (await market.klines('AAPL', '1m', 5))[0].time > newest);
  const known = await pointAtAllBars(page);
  const came = (await market.klines('AAPL', '1m', 240)).filter((bar) => bar.time > newest && known.has(stamp(bar.time)));
  // The last one may have been pointed at before it was closed.
  for (const { time, open, high, low, close } of came.slice(0, -2)) {
    const numbers = Object.entries({ O: open, H: high, L: low, C: close }).map(([name, price]) => name + price.toFixed(2));
    assert.deepEqual(known.get(stamp(time)).slice(0, 4), numbers, stamp(time));
  }
  assert.ok(came.length >= 5, `${came.length} came`);
  await page.finish();
});

test('the clock and the bars are in Shanghai time', async () => {
  const page = await open({ ...DESKTOP, timezoneId: 'America/New_York' });
  await until('the newest bar is one of the server\'s minutes', async () => {
    const times = (await market.klines('AAPL', '1m', 3)).map((bar) => stamp(bar.time));
    const bar = await lastBar(page);
    return times.some((time) => bar.startsWith(time));
  });
  const hour = Number(/ (\d\d):\d\d:\d\d$/.exec(await page.locator('#now').textContent())[1]);
  assert.ok(hour >= 9 && hour <= 15, `${hour}`);
  await page.finish();
});

test('each interval is drawn, by the pointer and by the keyboard', async () => {
  const page = await open();
  const intervals = await page.locator('#intervals button').allTextContents();
  assert.deepEqual(intervals, ['1m', '5m', '15m', '30m', '60m', '120m', '1d', '1w', '1M']);
  let before = (await pixels(page)).sum;
  for (const [at, interval] of [...intervals.entries()].reverse()) {
    if (at % 2) await page.keyboard.press(String(at + 1));
    else await page.locator('#intervals button', { hasText: new RegExp(`^${interval}$`) }).click();
    await page.locator(`#intervals button[aria-pressed=true]:text-is("${interval}")`).waitFor();
    assert.ok(page.url().endsWith(`#AAPL/${interval}`), page.url());
    before = await until(`${interval} is drawn`, async () => {
      const drawn = await pixels(page);
      return drawn.sum !== before && drawn.up + drawn.down > 100 && drawn.sum;
    });
    // For the first minute of a day the page is ahead of the stored bars.
    await until('its last bar is the server\'s', async () => {
      const [last] = await market.klines('AAPL', interval, 1);
      return (await lastBar(page)).startsWith(DATE.format(last.time * 1000));
    });
  }
  await page.finish();
});

test('history comes when the chart is scrolled to the left', async () => {
  const page = await open(DESKTOP, '#MSFT/1m');
  const day = DATE.format((await market.klines('MSFT', '1m', 2000))[0].time * 1000);
  await until('a bar 2,000 minutes ago is in view', async () => {
    await page.keyboard.press('ArrowLeft');
    const { x, y } = await page.locator('#chart').boundingBox();
    await page.mouse.move(x + 40 + Math.random() * 20, y + 200);
    return (await lastBar(page)).startsWith(day);
  });
  await page.locator('#to-live').click();
  await page.locator('#to-live').waitFor({ state: 'hidden' });
  await page.finish();
});

test('when the server goes away it is said, and when it comes back nothing is missing', async () => {
  const page = await open();
  await market.stopServing();
  await page.locator('#trouble').waitFor();
  assert.equal(await page.locator('#link').textContent(), 'Offline');
  const before = (await pixels(page)).up;
  assert.ok(before > 1000, 'the bars stay in view');
  await page.screenshot({ path: `${pictures}/offline.png` });
  // The writer goes on: a few minutes are missed.
  await new Promise((go) => setTimeout(go, 5000));
  await market.serve();
  await page.locator('#link[data-state=live]').waitFor();
  await page.locator('#trouble').waitFor({ state: 'hidden' });
  const newest = (await market.klines('AAPL', '1m', 1))[0].time;
  await until('the newest bar is shown', async () => {
    const shown = await lastBar(page);
    return (await market.klines('AAPL', '1m', 2)).some((bar) => bar.time >= newest && shown.startsWith(stamp(bar.time)));
  });
  const known = await pointAtAllBars(page);
  const bars = (await market.klines('AAPL', '1m', 120)).map((bar) => stamp(bar.time));
  const from = bars.findIndex((time) => known.has(time));
  const to = bars.findLastIndex((time) => known.has(time));
  assert.ok(from >= 0 && to - from > 60, `${known.size} bars were seen`);
  assert.deepEqual(bars.slice(from, to + 1).filter((time) => !known.has(time)), []);
  await page.finish();
});

test('what an old key was sent with is asked for again when the server has another', async () => {
  const page = await open();
  const held = [];
  await page.route('**/api/**', (route) => held.push(route));
  await market.stopServing();
  await until('requests are on their way', () => held.length >= 2);
  await market.serve();
  const refused = held.map(async (route) => (await route.request().response())?.status());
  // With this they go on.
  await page.unroute('**/api/**');
  assert.ok((await Promise.all(refused)).filter((status) => status === 401).length >= 2);
  await page.locator('#link[data-state=live]').waitFor();
  // Longer than the key takes to be read anew.
  await page.waitForTimeout(1000);
  assert.ok(await page.locator('#key-wanted').isHidden());
  await page.finish();
});

test('stocks are found and chosen by the keyboard alone', async () => {
  const page = await open();
  await page.keyboard.press('/');
  await page.keyboard.type('tesla');
  assert.deepEqual(await page.locator('.row .symbol').allTextContents(), ['TSLA']);
  await page.keyboard.press('Enter');
  await until('it is shown', async () => (await page.title()).startsWith('TSLA '));
  await page.keyboard.press('/');
  await page.keyboard.type('no such stock');
  await page.locator('#list-empty').waitFor();
  await page.keyboard.press('Escape');
  await page.locator('.row[aria-selected=true]:has-text("TSLA")').waitFor();
  await page.keyboard.press('ArrowDown');
  await until('the next one is shown', async () => (await page.title()).startsWith('V '));
  await page.finish();
});

test('the list shows the last prices, and their change against the close of the day before', async () => {
  const page = await open();
  await until('every row does', async () => {
    const rows = await page.locator('.row').evaluateAll((rows) =>
      rows.map((row) => [...row.children].map((cell) => cell.textContent.replace('−', '-').replace(/[,%]/g, ''))),
    );
    assert.equal(rows.length, 10);
    for (const [symbol, last, , move] of rows) {
      const minutes = await market.klines(symbol, '1m', 5);
      const days = await market.klines(symbol, '1d', 2);
      // The stock on the chart shows its trades as well.
      const isKnown = symbol === 'AAPL' || minutes.some((bar) => bar.close.toFixed(2) === last);
      const change = (Number(last) / days[0].close - 1) * 100;
      if (!isKnown || Math.abs(change - Number(move)) > 0.0051) return false;
    }
    return true;
  });
  await page.finish();
});

for (const colorScheme of ['light', 'dark']) {
  test(`on a phone all is within reach, in ${colorScheme} colours`, async () => {
    const page = await open({ ...PHONE, colorScheme });
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing is wider than the screen');
    await until('candles are drawn', async () => (await pixels(page)).up > 200);
    assert.ok((await page.locator('#chart').boundingBox()).height > 400, 'the chart has most of the screen');
    await page.screenshot({ path: `${pictures}/phone-${colorScheme}.png` });
    await page.locator('#open-list').tap();
    await page.locator('#search').fill('finance');
    await page.screenshot({ path: `${pictures}/phone-list-${colorScheme}.png` });
    await page.locator('.row', { hasText: 'JPM' }).tap();
    await page.locator('#list').waitFor({ state: 'hidden' });
    assert.equal(await page.locator('#symbol').textContent(), 'JPM');
    await page.finish();
  });
}

test('from elsewhere a key is asked for, and nothing more is tried before it comes', async () => {
  const context = await browser.newContext({ ...DESKTOP, extraHTTPHeaders: { 'X-Forwarded-For': '192.0.2.1' } });
  const page = await context.newPage();
  await page.goto(market.url);
  const dialog = page.locator('#key-wanted');
  await dialog.locator('p', { hasText: 'asks for a key' }).waitFor();
  let tries = 0;
  page.on('websocket', () => (tries += 1));
  await page.screenshot({ path: `${pictures}/key.png` });
  // Longer than the first waits of a feed that comes back by itself.
  await page.waitForTimeout(4000);
  assert.equal(tries, 0);
  await dialog.locator('input').fill('not.known');
  await dialog.locator('button').click();
  await dialog.locator('p', { hasText: 'not known' }).waitFor();
  await dialog.locator('input').fill(market.secret);
  await dialog.locator('button').click();
  await page.locator('#link[data-state=live]').waitFor();
  assert.ok(await dialog.isHidden());
  await context.close();
});

test('of a whole exchange\'s stocks only those in view are in the document', async () => {
  const context = await browser.newContext(DESKTOP);
  const page = await context.newPage();
  // Writing so many stocks takes longer than all other tests; the list is the page\'s own matter.
  const data = Array.from({ length: 5400 }, (_, at) => ({
    ...{ symbol: String(600000 + at), name: `Stock ${at}`, sector: 'Banks', board: 'main', price: '10.00' },
    ...{ change_percent: 1.5, volume: 100, last_update: 0, halted: false, active: true },
  }));
  await page.route('**/api/v2/tickers?*', (route) => route.fulfill({ json: { success: true, data, meta: {} } }));
  await page.goto(market.url);
  await page.locator('.row').first().waitFor();
  assert.ok((await page.locator('.row').count()) < 40);
  await page.locator('#list').evaluate((list) => (list.scrollTop = list.scrollHeight));
  await page.locator('.row', { hasText: '605399' }).waitFor();
  assert.ok((await page.locator('.row').count()) < 40);
  await page.locator('#search').fill('6053');
  await page.locator('#count', { hasText: '100 of 5,400' }).waitFor();
  await context.close();
});

test('an address that names nothing known shows the first stock', async () => {
  const page = await open(DESKTOP, '#%E0%A4%A/7h');
  assert.equal(await page.locator('#symbol').textContent(), 'AAPL');
  await page.finish();
});

test('only the files of the page are served, with a policy that forbids all else', async () => {
  const index = await fetch(market.url);
  assert.match(index.headers.get('content-type'), /^text\/html/);
  assert.match(index.headers.get('content-security-policy'), /^default-src 'self';(?!.*unsafe)/);
  const script = /src="(\/assets\/[^"]+\.js)"/.exec(await index.text())[1];
  const asset = await fetch(market.url + script);
  assert.match(asset.headers.get('cache-control'), /immutable/);
  assert.match(asset.headers.get('content-type'), /^text\/javascript/);
  const again = await fetch(market.url + script, { headers: { 'If-None-Match': asset.headers.get('etag') } });
  assert.equal(again.status, 304);
  for (const path of ['/assets/', '/assets/..%2f..%2fCargo.toml', '/%2e%2e/Cargo.toml', '/assets/%2e%2e%2findex.html', '/index.html', '/src/main.ts']) {
    assert.equal((await fetch(market.url + path)).status, 404, path);
  }
});
