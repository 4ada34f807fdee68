/** A real browser, and what it shows of the page. */

import { chromium } from 'playwright-core';

const FLAGS = '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';
export const DESKTOP = { viewport: { width: 1280, height: 800 }, colorScheme: 'light' };

export const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS.split(' ') });

export const lastBar = (page) => page.locator('#legend').textContent();

/** What the legend tells of each bar in view, by the bar's time, while the pointer goes over them. */
export async function pointAtAllBars(page) {
  const { x, y, width, height } = await page.locator('#chart').boundingBox();
  const said = new Map();
  // To the left, as the bars go when a new one comes, so that none is passed by.
  for (let at = x + width - 64; at > x; at -= 3) {
    await page.mouse.move(at, y + height / 3);
    const [time, ...numbers] = await page.locator('#legend span').allTextContents();
    said.set(time, numbers);
  }
  await page.mouse.move(x + width / 2, 1);
  return said;
}

const shanghai = (options) => new Intl.DateTimeFormat('en-GB', { timeZone: 'Asia/Shanghai', ...options });
export const DATE = shanghai({ weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' });
const MINUTE = shanghai({ hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
export const stamp = (time) => `${DATE.format(time * 1000)} ${MINUTE.format(time * 1000)}`;
