//! Bodies for the answers that hyper gives by itself. A head that it cannot take gets 400, 414 or 431 without a word, and the connection is
//! closed before the client has sent the rest, so that many a client never reads the answer.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::to_bytes;
use axum::http::StatusCode;
use axum::response::Response;
use futures_util::FutureExt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// Makes an answer to a head that cannot be taken, from the status and from the path that the request begins with. The body must be
/// complete at once.
pub type RefuseHead = Arc<dyn Fn(StatusCode, &str) -> Response + Send + Sync>;

/// As much of a request as is kept to know its path.
const BEGINNING_BYTES: usize = 256;
/// The most bytes of a body.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// How much is still read of a request that was refused, and for how long, so that the client gets to the answer.
const REST_BYTES_MAX: usize = 4 << 20;
const REST_TIME: Duration = Duration::from_secs(2);

/// A stream that puts an answer with a body in the place of hyper's own ones.
pub struct RefusalStream<S> {
    stream: S,
    refuse: Option<RefuseHead>,
    /// The first bytes read since the last write.
    beginning: Vec<u8>,
    has_written: bool,
    /// What is left of an answer that is written in place of hyper's.
    answer: Vec<u8>,
    /// The rest of a refused request: how many bytes may follow, and until when.
    rest: Option<(usize, Pin<Box<Sleep>>)>,
}

impl<S> RefusalStream<S> {
    pub fn new(stream: S, refuse: Option<RefuseHead>) -> Self {
        Self { stream, refuse, beginning: Vec::new(), has_written: false, answer: Vec::new(), rest: None }
    }

    fn keep(&mut self, read: &[u8]) {
        if std::mem::take(&mut self.has_written) {
            self.beginning.clear();
        }
        let room = BEGINNING_BYTES.saturating_sub(self.beginning.len());
        self.beginning.extend_from_slice(&read[..read.len().min(room)]);
    }

    /// The answer in place of one of hyper's; none for any other.
    fn replacement(&self, written: &[u8]) -> Option<Vec<u8>> {
        let refuse = self.refuse.as_ref()?;
        let status = own_status(written)?;
        let first_line = self.beginning.split(|byte| matches!(byte, b'\r' | b'\n')).next()?;
        let target = first_line.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
        answer(refuse(status, &String::from_utf8_lossy(path)), written)
    }
}

/// The status of an answer that hyper gives by itself, which closes the connection and has no body; none for any other.
fn own_status(written: &[u8]) -> Option<StatusCode> {
    let status = StatusCode::from_bytes(written.strip_prefix(b"HTTP/1.1 ")?.get(..3)?).ok()?;
    let is_own = [StatusCode::BAD_REQUEST, StatusCode::URI_TOO_LONG, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE];
    let head = std::str::from_utf8(written.strip_suffix(b"\r\n\r\n")?).ok()?;
    let has = |line: &str| head.split("\r\n").any(|other| other.eq_ignore_ascii_case(line));
    (is_own.contains(&status) && has("content-length: 0") && has("connection: close")).then_some(status)
}

/// An answer as bytes, with the headers of hyper's own.
fn answer(response: Response, own: &[u8]) -> Option<Vec<u8>> {
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, BODY_BYTES_MAX).now_or_never()?.ok()?;
    let own = std::str::from_utf8(own.strip_suffix(b"\r\n\r\n")?).ok()?;
    let mut text = format!("HTTP/1.1 {}\r\n", parts.status).into_bytes();
    for line in own.split("\r\n").skip(1).filter(|line| !line.to_ascii_lowercase().starts_with("content-length:")) {
        text.extend_from_slice(line.as_bytes());
        text.extend_from_slice(b"\r\n");
    }
    for (name, value) in &parts.headers {
        text.extend_from_slice(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    text.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    text.extend_from_slice(&body);
    Some(text)
}

impl<S: AsyncRead + AsyncWrite + Unpin> RefusalStream<S> {
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.answer.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.answer))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.answer.drain(..written);
        }
        Poll::Ready(Ok(()))
    }

    /// Takes what hyper writes if it is one of its own answers, and gives whether it was.
    fn take(&mut self, cx: &mut Context<'_>, written: &[u8]) -> io::Result<bool> {
        self.has_written = true;
        let Some(answer) = self.replacement(written) else { return Ok(false) };
        self.answer = answer;
        self.rest = Some((REST_BYTES_MAX, Box::pin(sleep(REST_TIME))));
        // What cannot be written yet is written at the next flush.
        match self.poll_answer(cx) {
            Poll::Ready(Err(error)) => Err(error),
            _ => Ok(true),
        }
    }

    /// Reads what a client still sends of a refused request.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some((left, until)) = &mut self.rest else { return Poll::Ready(()) };
        let mut bytes = [0; 8 * 1024];
        while *left > 0 {
            let mut buffer = ReadBuf::new(&mut bytes);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    *left = left.saturating_sub(buffer.filled().len())
                }
                Poll::Ready(_) => break,
                Poll::Pending => return until.as_mut().poll(cx),
            }
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for RefusalStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if self.refuse.is_some() {
            self.keep(&buffer.filled()[before..]);
        }
        outcome
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for RefusalStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_answer(cx))?;
        if self.take(cx, bytes)? {
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_answer(cx))?;
        // An answer without a body is one piece.
        if let [piece] = pieces
            && self.take(cx, piece)?
        {
            return Poll::Ready(Ok(piece.len()));
        }
        self.has_written = true;
        Pin::new(&mut self.stream).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_answer(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_answer(cx))?;
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        ready!(self.poll_rest(cx));
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_answers_that_hyper_gives_by_itself_are_recognised() {
        let own = "HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(own_status(own.as_bytes()), Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
        for other in [
            "",
            "HTTP/1.1 4",
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 10\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n{}",
        ] {
            assert_eq!(own_status(other.as_bytes()), None, "{other}");
        }
    }
}
