//! `exchange-listen`: receives the packets of a feed, asks for those that are lost, and writes each session to an ITCH file.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Parser;
use klined_service::args::ServiceArgs;
use klined_service::{Daemon, Service, Shutdown, Vitals, blocking, instant, run_daemon};

use super::feed::group;
use crate::itch::{BadPacket, PacketHead, Receiver};

/// Receives ITCH 5.0 in MoldUDP64 packets and writes a file NAME.itch for each session
///
/// Lost messages are asked for at --requests. Without a server of requests the file of a session ends before the first message that was lost. A
/// file that is there is never overwritten.
#[derive(Debug, Clone, Parser)]
#[command(name = "exchange-listen", version)]
pub struct ListenArgs {
    /// Directory of the files
    #[arg(long, env = "EXCHANGE_LISTEN_OUTPUT", value_name = "DIR", default_value = ".")]
    pub output: PathBuf,
    /// Multicast group to join
    #[arg(long, env = "EXCHANGE_LISTEN_MULTICAST_GROUP", value_name = "ADDRESS", default_value = "239.1.1.1", value_parser = group)]
    pub multicast_group: Ipv4Addr,
    /// Port
    #[arg(long, env = "EXCHANGE_LISTEN_PORT", value_name = "PORT", default_value_t = 5001, value_parser = clap::value_parser!(u16).range(1..))]
    pub port: u16,
    /// Address of the interface that packets come in by [default: the system chooses]
    #[arg(long, env = "EXCHANGE_LISTEN_INTERFACE", value_name = "ADDRESS", default_value_t = Ipv4Addr::UNSPECIFIED)]
    pub interface: Ipv4Addr,
    /// Join no group: packets are sent to this machine alone
    #[arg(long, env = "EXCHANGE_LISTEN_NO_MULTICAST")]
    pub no_multicast: bool,
    /// UDP address of the feed's server of requests
    #[arg(long, env = "EXCHANGE_LISTEN_REQUESTS", value_name = "ADDRESS:PORT")]
    pub requests: Option<SocketAddr>,
    /// Number of sessions to receive; 0: until the program is stopped
    #[arg(long, env = "EXCHANGE_LISTEN_SESSIONS", value_name = "N", default_value_t = 0)]
    pub sessions: u32,
    #[command(flatten)]
    pub service: ServiceArgs,
}

/// The program's `main`.
pub fn main() -> ExitCode {
    run_daemon::<ListenArgs>(&super::variables())
}

/// How long a packet is waited for, and between two requests for the same messages.
const PAUSE: Duration = Duration::from_millis(50);
/// Sessions that are received at a time.
const OPEN_MAX: usize = 2;
/// Sessions whose late packets are known.
const DONE_MAX: usize = 16;
/// The longest packet that UDP has.
const PACKET_MAX: usize = 65_535;

impl Daemon for ListenArgs {
    fn service_args(&self) -> ServiceArgs {
        self.service.clone()
    }

    async fn run(self, service: Service) -> anyhow::Result<()> {
        ensure!(self.output.is_dir(), "--output is {}: there is no such directory", self.output.display());
        let at = SocketAddr::from((if self.no_multicast { self.interface } else { Ipv4Addr::UNSPECIFIED }, self.port));
        let socket = UdpSocket::bind(at).with_context(|| format!("cannot listen at {at}"))?;
        if !self.no_multicast {
            let joined = socket.join_multicast_v4(&self.multicast_group, &self.interface);
            joined.with_context(|| format!("cannot join {} at {}", self.multicast_group, self.interface))?;
        }
        socket.set_read_timeout(Some(PAUSE)).context("the socket has no timeouts")?;
        let (job, shutdown) = (service.job("listen"), service.shutdown().clone());
        job.works();
        blocking(move || receive(&self, &socket, &shutdown, &job)).await?
    }
}

/// A session that is being received.
struct Receiving {
    receiver: Receiver,
    file: BufWriter<File>,
    path: PathBuf,
    /// When messages were asked for last, and from which number on.
    asked: Instant,
    asked_from: u64,
}

impl Receiving {
    fn begin(folder: &Path, session: [u8; 10]) -> anyhow::Result<Self> {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric();
        let name: String = session.iter().filter(|byte| plain(byte)).map(|byte| char::from(*byte)).collect();
        let path = folder.join(format!("{name}.itch"));
        let file = File::create_new(&path).with_context(|| format!("cannot make {}", path.display()))?;
        tracing::info!(session = name, file = %path.display(), "a session begins");
        Ok(Self {
            receiver: Receiver::new(session, 1),
            file: BufWriter::new(file),
            path,
            asked: instant(),
            asked_from: 0,
        })
    }

    fn take(&mut self, packet: &[u8]) -> anyhow::Result<()> {
        let file = &mut self.file;
        let taken = self.receiver.take(packet, |message| {
            file.write_all(&(message.len() as u16).to_be_bytes())?;
            file.write_all(message)?;
            anyhow::Ok(())
        });
        match taken {
            Err(error) if error.is::<BadPacket>() => {
                tracing::warn!("{error:#}");
                Ok(())
            }
            taken => taken.with_context(|| format!("cannot write {}", self.path.display())),
        }
    }

    fn end(mut self) -> anyhow::Result<()> {
        self.file.flush().with_context(|| format!("cannot write {}", self.path.display()))?;
        match self.receiver.missing() {
            0 => tracing::info!(file = %self.path.display(), "the session is complete"),
            missing => tracing::warn!(file = %self.path.display(), missing, "the session ends with messages missing"),
        }
        Ok(())
    }
}

/// Sessions that are over, of which packets may still come.
#[derive(Default)]
struct Done {
    names: VecDeque<[u8; 10]>,
    count: u32,
}

impl Done {
    fn end(&mut self, session: Receiving) -> anyhow::Result<()> {
        if self.names.len() == DONE_MAX {
            self.names.pop_front();
        }
        self.names.push_back(session.receiver.session());
        self.count += 1;
        session.end()
    }
}

fn receive(args: &ListenArgs, socket: &UdpSocket, shutdown: &Shutdown, job: &Vitals) -> anyhow::Result<()> {
    let (mut packet, mut open): (_, VecDeque<Receiving>) = (vec![0; PACKET_MAX], VecDeque::new());
    let mut done = Done::default();
    while !shutdown.is_requested() && (args.sessions == 0 || done.count < args.sessions) {
        job.answered(true);
        let is_quiet = match socket.recv(&mut packet) {
            Ok(length) => {
                let bytes = &packet[..length];
                if let Ok((head, _)) = PacketHead::of(bytes)
                    && !done.names.contains(&head.session)
                {
                    if open.iter().all(|session| session.receiver.session() != head.session) {
                        // The one before it may still wait for messages that it has asked for.
                        if open.len() == OPEN_MAX
                            && let Some(oldest) = open.pop_front()
                        {
                            done.end(oldest)?;
                        }
                        open.push_back(Receiving::begin(&args.output, head.session)?);
                    }
                    open.iter_mut().try_for_each(|session| session.take(bytes))?;
                }
                false
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => true,
            Err(error) => return Err(error).context("packets cannot be received"),
        };
        for session in &mut open {
            // An answer has one packet, so the rest is asked for as soon as it is there.
            let is_answered = session.receiver.next() > session.asked_from;
            if let Some(requests) = args.requests
                && (is_quiet || is_answered || session.asked.elapsed() >= PAUSE)
                && let Some(request) = session.receiver.request()
            {
                (session.asked, session.asked_from) = (instant(), session.receiver.next());
                if let Err(error) = socket.send_to(&request, requests) {
                    tracing::debug!("a request cannot be sent: {error}");
                }
            }
        }
        while let Some(place) = open.iter().position(|session| session.receiver.is_complete())
            && let Some(complete) = open.remove(place)
        {
            done.end(complete)?;
        }
    }
    open.into_iter().try_for_each(Receiving::end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        ListenArgs::command().debug_assert();
    }
}
