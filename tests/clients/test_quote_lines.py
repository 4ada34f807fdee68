"""The package easyquotation, unchanged but for the host in its URL, before a market of A-shares."""

import unittest

import easyquotation

from market import Market


class Laws(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        words = ["--universe", "ashare:60", "--from", "2026-03-02", "--to", "2026-03-03"]
        cls.market = Market("sqlite", backfill=words, speed=1, keys=False)
        # The client knows Shanghai and Shenzhen only.
        cls.codes = [code for code in cls.market.symbols() if code[0] in "036"]

    @classmethod
    def tearDownClass(cls):
        cls.market.close()

    def client(self, name, path):
        client = easyquotation.use(name)
        type(client).stock_api = f"{self.market.url}{path}"
        return client

    def check(self, found, volume):
        self.assertEqual(sorted(found), self.codes)
        names = dict(self.market.rows("SELECT symbol, name FROM stock_metadata"))
        before = {code: self.market.bars(code, "1d")[0][4] for code in self.codes}
        for code, quote in found.items():
            # The client takes spaces out of what Sina sends.
            self.assertEqual(quote["name"].replace(" ", ""), names[code].replace(" ", ""))
            self.assertTrue(quote["low"] <= quote["now"] <= quote["high"], quote)
            self.assertLessEqual(quote[volume], self.market.bars(code, "1d")[-1][5] + 10_000_000)
            self.assertEqual([quote["bid2"], quote["ask5"], quote["bid3_volume"]], [0, 0, 0])
            self.assertGreater(quote["close"], 0)
            self.assertLess(abs(quote["close"] / before[code] - 1), 0.31)

    def test_sina(self):
        client = self.client("sina", "/rn=1772415000000&list=")
        self.check(client.stocks(self.codes), "turnover")
        one = client.real("sh" + [code for code in self.codes if code[0] == "6"][0], prefix=True)
        self.assertEqual(len(one), 1)

    def test_tencent(self):
        client = self.client("tencent", "/q=")
        found = client.stocks(self.codes)
        self.check(found, "volume")
        for quote in found.values():
            self.assertTrue(quote["跌停价"] <= quote["now"] <= quote["涨停价"], quote)


if __name__ == "__main__":
    unittest.main()
