/** A real market under test: `klined up` writes it, `market-api` serves it, each a process of its own. */

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** How long anything may take, in milliseconds. */
const PATIENCE = 90_000;

const programs = resolve(process.env.KLINED_BIN ?? '../target/debug');

/** What no waiting mends. */
class Hopeless extends Error {}

export async function until(what, probe) {
  const end = Date.now() + PATIENCE;
  let last;
  while (Date.now() < end) {
    try {
      last = await probe();
      if (last) return last;
    } catch (error) {
      if (error instanceof Hopeless) throw error;
      last = error;
    }
    await new Promise((go) => setTimeout(go, 50));
  }
  throw new Error(`waited in vain until ${what}: ${last}`);
}

export async function freePort() {
  const server = createServer();
  await new Promise((go) => server.listen(0, '127.0.0.1', go));
  const { port } = server.address();
  await new Promise((go) => server.close(go));
  return port;
}

function start(program, args, directory) {
  const child = spawn(join(programs, program), args, { cwd: directory, stdio: ['ignore', 'ignore', 'pipe'] });
  child.said = '';
  child.stderr.on('data', (text) => (child.said = (child.said + text).slice(-4000)));
  child.ended = new Promise((go) => child.on('exit', go));
  return child;
}

function isRunning(child) {
  return child !== undefined && child.exitCode === null && child.signalCode === null;
}

export class Market {
  /** A market with so many days of history; `speed` minutes of market pass in a minute. */
  static async open(...args) {
    const market = new Market();
    market.directory = mkdtempSync(join(tmpdir(), 'klined-web-'));
    market.database = `sqlite:///${join(market.directory, 'market.db')}`;
    market.keys = join(market.directory, 'keys.toml');
    const made = spawnSync(join(programs, 'klined'), ['key', 'somebody'], { encoding: 'utf8' });
    writeFileSync(market.keys, made.stdout);
    market.secret = made.stderr.trim().split(/\s/).at(-1);
    market.port = await freePort();
    market.url = `http://127.0.0.1:${market.port}`;
    market.writer = start('klined', ['up', '--addr', 'none', '--no-log-files', '--db-url', market.database, ...args], market.directory);
    await market.serve();
    return market;
  }

  /** Starts the server, again and again until the market's whole history and its roll-ups are there. */
  async serve() {
    await until('the server answers', async () => {
      if (!isRunning(this.server)) {
        const args = ['--addr', `127.0.0.1:${this.port}`, '--api-keys', this.keys, '--no-log-files', '--db-url', this.database];
        this.server = start('market-api', args, this.directory);
      }
      if (!isRunning(this.writer)) throw new Hopeless(`klined has ended: ${this.writer.exitCode ?? this.writer.signalCode} ${this.writer.said}`);
      const health = await (await fetch(`${this.url}/health`)).json();
      const [minute, roll] = [await this.klines('AAPL', '1m', 1), await this.klines('AAPL', '5m', 1)];
      return health.market_time > 0 && minute.length > 0 && roll[0]?.time > minute[0].time - 300;
    });
  }

  async stopServing() {
    this.server.kill('SIGKILL');
    await this.server.ended;
  }

  /** The key that the server gives to its page. */
  async key() {
    return /name="klined-key" content="([^"]*)"/.exec(await (await fetch(this.url)).text())[1];
  }

  /** The market's clock and session. */
  async status() {
    const answer = await fetch(`${this.url}/api/v2/status`, { headers: { 'X-API-Key': await this.key() } });
    return (await answer.json()).data;
  }

  /** The hours that the page goes by. */
  async hours() {
    const { time_zone: zone, sessions } = await this.status();
    return { zone, sessions };
  }

  async klines(symbol, interval, limit) {
    const answer = await fetch(`${this.url}/api/klines?symbol=${symbol}&interval=${interval}&limit=${limit}`, {
      headers: { 'X-API-Key': await this.key() },
    });
    return answer.ok ? answer.json() : [];
  }

  async close() {
    for (const process of [this.server, this.writer]) {
      process?.kill('SIGTERM');
      await process?.ended;
    }
    rmSync(this.directory, { recursive: true, force: true });
  }
}
