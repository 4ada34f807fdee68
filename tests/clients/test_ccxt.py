"""ccxt, unchanged but for its URLs: markets, candles in pages, tickers, trades, the book, and what it watches."""

import asyncio
import unittest

import ccxt
import ccxt.pro
from market import Market, on_every_backend


def settings(market, key):
    url = f"{market.url}/api/v3"
    return {
        "apiKey": key,
        "secret": "not used",
        "options": {"fetchMarkets": {"types": ["spot"]}, "defaultType": "spot", "fetchCurrencies": False, "fetchMargins": False},
        "urls": {
            "api": {
                "public": url,
                "private": url,
                "v1": f"{market.url}/api/v1",
                "sapi": f"{market.url}/sapi/v1",
                "ws": {"spot": f"ws://{market.address}/binance/key/{key}/ws"},
            }
        },
    }


@on_every_backend
class Laws:
    @classmethod
    def setUpClass(cls):
        cls.market = Market(cls.backend, days=3, speed=20)
        cls.key = f"{cls.market.key_id}.{cls.market.key_secret}"
        cls.exchange = ccxt.binance(settings(cls.market, cls.key))
        cls.exchange.headers = {"X-MBX-APIKEY": cls.key}

    @classmethod
    def tearDownClass(cls):
        cls.market.close()

    def test_markets_are_pairs_of_the_stocks(self):
        markets = self.exchange.load_markets()
        self.assertEqual(set(markets), {f"{symbol}/USDT" for symbol in self.market.symbols()})
        apple = markets["AAPL/USDT"]
        self.assertTrue(apple["spot"] and apple["active"])
        self.assertEqual((apple["precision"]["price"], apple["precision"]["amount"]), (0.01, 1.0))
        self.assertEqual(apple["limits"]["cost"]["min"], 1.0)

    def test_candles_in_pages_are_the_stored_bars(self):
        stored = self.market.bars("AAPL")
        since, found = stored[0][0] * 1000, []
        while page := self.exchange.fetch_ohlcv("AAPL/USDT", "1m", since, 200):
            found += page
            since = page[-1][0] + 1
        found = [tuple([row[0] // 1000, *row[1:]]) for row in found][: len(stored)]
        self.assertEqual(found, [tuple(row) for row in stored])

    def test_tickers_trades_and_the_book(self):
        tickers = self.exchange.fetch_tickers()
        self.assertEqual(set(tickers), set(self.exchange.load_markets()))
        ticker = self.exchange.fetch_ticker("AAPL/USDT")
        self.assertTrue(ticker["low"] <= ticker["last"] <= ticker["high"] and ticker["bid"] < ticker["ask"])
        self.assertEqual(set(self.exchange.fetch_bids_asks()), set(tickers))
        self.assertEqual(set(self.exchange.fetch_last_prices()), set(tickers))
        trades = self.exchange.fetch_trades("AAPL/USDT", limit=50)
        self.assertEqual(len(trades), 50)
        self.assertTrue(all(trade["side"] in ["buy", "sell"] and trade["amount"] >= 0 for trade in trades))
        book = self.exchange.fetch_order_book("AAPL/USDT", 5)
        self.assertTrue(book["bids"][0][0] < book["asks"][0][0])

    def test_what_is_watched_arrives(self):
        async def watch():
            exchange = ccxt.pro.binance(settings(self.market, self.key))
            exchange.headers = {"X-MBX-APIKEY": self.key}
            try:
                candles = await exchange.watch_ohlcv("AAPL/USDT", "1m")
                trades = await exchange.watch_trades("AAPL/USDT")
                ticker = await exchange.watch_ticker("AAPL/USDT")
                quotes = await exchange.watch_bids_asks(["AAPL/USDT"])
                return candles, trades, ticker, quotes
            finally:
                await exchange.close()

        candles, trades, ticker, quotes = asyncio.run(asyncio.wait_for(watch(), 120))
        self.assertEqual(len(candles[-1]), 6)
        self.assertEqual(trades[-1]["symbol"], "AAPL/USDT")
        self.assertTrue(ticker["low"] <= ticker["last"] <= ticker["high"])
        quote = quotes["AAPL/USDT"] if "AAPL/USDT" in quotes else quotes
        self.assertLess(quote["bid"], quote["ask"])


if __name__ == "__main__":
    unittest.main()
