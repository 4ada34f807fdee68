"""Runs freqtrade and nautilus_trader before the market at KLINED_URL, with the address of the exchange as the only change."""

import asyncio
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

URL = os.environ["KLINED_URL"]
# The places of the exchange, which ccxt takes from here.
CCXT = {
    "options": {"fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False, "fetchMargins": False},
    "urls": {"api": {"public": f"{URL}/api/v3", "private": f"{URL}/api/v3", "sapi": f"{URL}/sapi/v1"}},
}
CONFIG = {
    "stake_currency": "USDT",
    "stake_amount": 1000,
    "initial_state": "running",
    "dry_run": True,
    "dry_run_wallet": 10000,
    "max_open_trades": 2,
    "timeframe": "1m",
    "trading_mode": "spot",
    "exchange": {
        "name": "binance",
        "key": "",
        "secret": "",
        "ccxt_config": CCXT,
        "ccxt_async_config": CCXT,
        "pair_whitelist": ["AAPL/USDT", "MSFT/USDT"],
        "enable_ws": False,
        "only_from_ccxt": True,
    },
    "entry_pricing": {"price_side": "same", "use_order_book": True, "order_book_top": 1},
    "exit_pricing": {"price_side": "same", "use_order_book": True, "order_book_top": 1},
    "pairlists": [{"method": "StaticPairList"}],
    "internals": {"process_throttle_secs": 2},
}
STRATEGY = '''
from freqtrade.strategy import IStrategy


class Always(IStrategy):
    timeframe = "1m"
    minimal_roi = {"0": 100}
    stoploss = -0.9
    startup_candle_count = 5

    def populate_indicators(self, dataframe, metadata):
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe["enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        return dataframe
'''


def freqtrade(place, *words):
    program = pathlib.Path(sys.executable).with_name("freqtrade")
    return [program, *words, "--userdir", place / "user_data", "--config", place / "config.json"]


def run_freqtrade(place):
    shutil.rmtree(place / "user_data", ignore_errors=True)
    (place / "user_data" / "strategies").mkdir(parents=True)
    (place / "config.json").write_text(json.dumps(CONFIG))
    (place / "user_data" / "strategies" / "always.py").write_text(STRATEGY)
    listed = subprocess.run(freqtrade(place, "list-markets", "--print-json"), capture_output=True, text=True)
    assert listed.returncode == 0 and "AAPL/USDT" in listed.stdout, listed.stdout + listed.stderr
    print("freqtrade list-markets: ok")
    words = ["download-data", "--timeframes", "1m", "3m", "4h", "--days", "4000", "--data-format-ohlcv", "json"]
    loaded = subprocess.run(freqtrade(place, *words), capture_output=True, text=True)
    candles = list((place / "user_data" / "data").rglob("AAPL_USDT-3m*"))
    assert loaded.returncode == 0 and candles, loaded.stdout + loaded.stderr
    print(f"freqtrade download-data: ok, {len(json.loads(candles[0].read_text()))} candles of 3m")
    log = place / "trade.log"
    with log.open("w") as output:
        bot = subprocess.Popen(freqtrade(place, "trade", "--strategy", "Always"), stdout=output, stderr=output, cwd=place)
        for _ in range(60):
            time.sleep(2)
            if "Order dry_run" in log.read_text() or bot.poll() is not None:
                break
        bot.terminate()
        bot.wait(60)
    text = log.read_text()
    assert "LIMIT_BUY" in text or "Long signal found" in text, text[-5000:]
    print("freqtrade trade, dry run: ok")


async def load_instruments():
    from nautilus_trader.adapters.binance.common.enums import BinanceAccountType
    from nautilus_trader.adapters.binance.factories import get_cached_binance_http_client
    from nautilus_trader.adapters.binance.spot.providers import BinanceSpotInstrumentProvider
    from nautilus_trader.common.component import LiveClock

    clock = LiveClock()
    client = get_cached_binance_http_client(clock, BinanceAccountType.SPOT, api_key="any", api_secret="any", base_url=URL)
    provider = BinanceSpotInstrumentProvider(client=client, clock=clock)
    await provider.load_all_async()
    instruments = provider.list_all()
    assert len(instruments) == 10, instruments
    print(f"nautilus_trader: ok, {sorted(str(instrument.id) for instrument in instruments)}")


if __name__ == "__main__":
    asyncio.run(load_instruments())
    run_freqtrade(pathlib.Path(sys.argv[1]))
