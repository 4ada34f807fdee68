"""A WebSocket client of Massive in a thread of its own, for the markets of stocks and of foreign exchange."""

import asyncio
import threading

from massive import WebSocketClient


class Listener:
    """Keeps every message of its subscriptions."""

    def __init__(self, address, market, key, subscriptions):
        self.received, self.error = [], None
        self.client = WebSocketClient(key, feed=address, market=market, secure=False, subscriptions=subscriptions)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        async def take(messages):
            self.received.extend(messages)

        async def go():
            self.loop = asyncio.get_running_loop()
            await self.client.connect(take)

        try:
            asyncio.run(go())
        except BaseException as error:  # noqa: BLE001 - looked at by the test
            self.error = error

    def of(self, event, symbol=None):
        """The messages of a type, and of one symbol if it is given."""
        messages = [message for message in list(self.received) if message.event_type == event]
        return messages if symbol is None else [message for message in messages if message.symbol == symbol]

    def close(self):
        asyncio.run_coroutine_threadsafe(self.client.close(), self.loop).result(10)
        self.thread.join(20)
        # A close that is not answered is an error to the client, and brings it back.
        assert not self.thread.is_alive() and self.error is None, self.error
