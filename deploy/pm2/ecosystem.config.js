// klined under pm2:  pm2 start deploy/pm2/ecosystem.config.js && pm2 save && pm2 startup
//
// The programs run in KLINED_HOME, where they find .env and keep logs and an SQLite file [the directory above deploy].
// KLINED_BIN says where they are [target/release below it].
const path = require('path');

const home = process.env.KLINED_HOME || path.resolve(__dirname, '..', '..');
const bin = process.env.KLINED_BIN || path.join(path.resolve(__dirname, '..', '..'), 'target', 'release');

const daemon = (name, address) => ({
  name,
  script: path.join(bin, name),
  // A program of its own, neither JavaScript nor to be run more than once: there is one writer.
  interpreter: 'none',
  exec_mode: 'fork',
  instances: 1,
  cwd: home,
  env: { KLINED_HEALTH_ADDR: process.env.KLINED_HEALTH_ADDR ?? address },
  autorestart: true,
  // For ever, with growing pauses up to 15 s: the database may be away for a night.
  exp_backoff_restart_delay: 1000,
  // pm2 sends SIGINT, then SIGKILL after this; the programs end within 5 s.
  kill_timeout: 8000,
  // Events carry their own time; pm2 keeps standard error, where they go.
  merge_logs: true,
});

module.exports = {
  apps: [
    daemon('market-generator', '127.0.0.1:9470'),
    daemon('data-aggregator', '127.0.0.1:9471'),
    daemon('market-api', '127.0.0.1:9472'),
  ],
};
