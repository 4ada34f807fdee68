/** No minute is missing from the chart, however slow the link is between the page and the server. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connect, createServer } from 'node:net';

import { DESKTOP, launch, lastBar, pointAtAllBars, stamp } from './browser.mjs';
import { Market, until } from './market.mjs';

let browser;

before(async () => (browser = await launch()));
after(() => browser?.close());

/** A link through which everything arrives so many milliseconds later. */
async function slowLink(port, delay) {
  const link = createServer((client) => {
    const server = connect(port, '127.0.0.1');
    for (const [from, to] of [[client, server], [server, client]]) {
      from.on('data', (bytes) => setTimeout(() => to.write(bytes), delay));
      from.on('close', () => setTimeout(() => to.destroy(), delay));
      from.on('error', () => to.destroy());
    }
  });
  await new Promise((go) => link.listen(0, '127.0.0.1', go));
  return link;
}

/** At 600-fold speed ten minutes pass in a second; a link may be so slow that a dozen pass while the page is fetched. */
for (const [speed, delay, openings, wait] of [[600, 5, 2, 2500], [600, 300, 2, 3000], [60, 700, 1, 6000]]) {
  test(`every bar on the chart is the server's at ${speed}-fold speed over a link of ${delay} ms`, async () => {
    const market = await Market.open('--days', '3', '--speed', String(speed));
    const link = await slowLink(market.port, delay);
    try {
      for (let opening = 0; opening < openings; opening++) {
        const context = await browser.newContext(DESKTOP);
        const page = await context.newPage();
        const opened = (await market.klines('AAPL', '1m', 1))[0].time;
        await page.goto(`http://127.0.0.1:${link.address().port}/#AAPL/1m`);
        await page.locator('#link[data-state=live]').waitFor();
        await page.locator('#overlay').waitFor({ state: 'hidden' });
        await page.waitForTimeout(wait);
        // While the writer stands still the chart does too.
        market.writer.kill('SIGSTOP');
        // What it has written last is still on its way.
        await page.waitForTimeout(4 * delay + 500);
        const newest = await until('the last minute is shown', async () => {
          const [minute] = await market.klines('AAPL', '1m', 1);
          // After the last minute of a session the next one does not follow at once.
          const { open_minute: open } = await market.status();
          const shown = await lastBar(page);
          return [minute.time, open].some((time) => shown.startsWith(stamp(time))) && minute.time;
        });
        const known = await pointAtAllBars(page);
        const bars = (await market.klines('AAPL', '1m', 600)).filter((bar) => known.has(stamp(bar.time)));
        const seen = (await market.klines('AAPL', '1m', 600)).filter((bar) => bar.time >= bars[0].time && bar.time <= newest);
        assert.ok(seen.length > 60 && seen[0].time < opened, `${seen.length} bars of ${known.size} were seen`);
        for (const { time, open, high, low, close } of seen) {
          const numbers = Object.entries({ O: open, H: high, L: low, C: close }).map(([name, price]) => name + price.toFixed(2));
          assert.deepEqual(known.get(stamp(time))?.slice(0, 4), numbers, `${stamp(time)} of opening ${opening}`);
        }
        market.writer.kill('SIGCONT');
        await context.close();
      }
    } finally {
      market.writer.kill('SIGCONT');
      link.close();
      await market.close();
    }
  });
}
