//! Flags turned into what is to be done. Everything that can be refused is refused here, by the flag's name.

use std::path::PathBuf;
use std::sync::Arc;

use ::questdb::ingress::Protocol;
use thiserror::Error;

use super::args::{GenerateArgs, Mode, Protocol as Transport, ServerArgs};
use crate::choice::{BLOCK_SECONDS_MOST, InvalidRows, within};
use crate::out::{InvalidSuffix, TableNames};
use crate::pipeline::Job;
use crate::plan::PlanTotals;
use crate::questdb::pace::Pace;
use crate::questdb::run::IngestSettings;
use crate::questdb::schema::Views;
use crate::questdb::send::IlpSettings;
use crate::questdb::server::PgSettings;

/// A flag that cannot be obeyed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidRequest {
    #[error(transparent)]
    Rows(#[from] InvalidRows),
    #[error("--to is \"{0}\": it must be file:DIRECTORY")]
    Target(String),
    #[error("--suffix: {0}")]
    Suffix(#[from] InvalidSuffix),
    #[error("--{0} says nothing of files, which --to asks for")]
    NotForFiles(&'static str),
    #[error("--mode is missing: real-time or faster-than-life")]
    NoMode,
    #[error(
        "--enterprise asks for storage policies of QuestDB Enterprise, which this program does not set: leave it out, or make the tables with \
         their policies first"
    )]
    Enterprise,
    #[error("--tls_ca is given, and --tls false")]
    AuthorityWithoutTls,
    #[error("--token over TCP needs --token_x and --token_y, the public key's coordinates")]
    TokenWithoutCoordinates,
    #[error("--{0} is given without --token")]
    CoordinateWithoutToken(&'static str),
    #[error("--{flag}: cannot read {}: {reason}", path.display())]
    SecretFile { flag: &'static str, path: PathBuf, reason: String },
    #[error("--{flag} and --{flag}_file are both given")]
    SecretTwice { flag: &'static str },
}

/// Where rows go.
#[derive(Debug, Clone)]
pub enum Target {
    QuestDb(Box<IngestSettings>),
    Files(PathBuf),
}

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Request {
    pub job: Job,
    pub totals: PlanTotals,
    pub target: Target,
    pub pace: Pace,
    /// How many entities trade.
    pub entities: usize,
}

/// A secret from its flag or the first line of a file.
fn secret(flag: &'static str, given: Option<&str>, file: Option<&PathBuf>) -> Result<Option<String>, InvalidRequest> {
    match (given, file) {
        (Some(_), Some(_)) => Err(InvalidRequest::SecretTwice { flag }),
        (given, None) => Ok(given.map(str::to_owned)),
        (None, Some(path)) => match std::fs::read_to_string(path) {
            Ok(text) => Ok(Some(text.lines().next().unwrap_or_default().trim_end().to_owned())),
            Err(error) => Err(InvalidRequest::SecretFile { flag, path: path.clone(), reason: error.to_string() }),
        },
    }
}

/// Where the database is, and who asks.
fn server(args: &ServerArgs) -> Result<(PgSettings, IlpSettings), InvalidRequest> {
    let token = secret("token", args.token.as_deref(), args.token_file.as_ref())?;
    let ilp_password = secret("ilp_password", args.ilp_password.as_deref(), args.ilp_password_file.as_ref())?;
    let password = match &args.password_file {
        Some(_) => secret("password", None, args.password_file.as_ref())?.unwrap_or_default(),
        None => args.password.clone(),
    };
    for (flag, given) in [("token_x", &args.token_x), ("token_y", &args.token_y)] {
        if given.is_some() && token.is_none() {
            return Err(InvalidRequest::CoordinateWithoutToken(flag));
        }
        if given.is_none() && token.is_some() && args.protocol == Transport::Tcp {
            return Err(InvalidRequest::TokenWithoutCoordinates);
        }
    }
    let is_tls = args.tls.unwrap_or(token.is_some() || args.tls_ca.is_some());
    if !is_tls && args.tls_ca.is_some() {
        return Err(InvalidRequest::AuthorityWithoutTls);
    }
    let (protocol, port) = match (args.protocol, is_tls) {
        (Transport::Http, false) => (Protocol::Http, args.http_port),
        (Transport::Http, true) => (Protocol::Https, args.http_port),
        (Transport::Tcp, false) => (Protocol::Tcp, args.ilp_port),
        (Transport::Tcp, true) => (Protocol::Tcps, args.ilp_port),
    };
    // Over HTTP a token stands alone and a user goes with a password; over TCP a user goes with a key.
    let has_user = if args.protocol == Transport::Http { ilp_password.is_some() } else { token.is_some() };
    let coordinates = args.token_x.clone().zip(args.token_y.clone()).filter(|_| args.protocol == Transport::Tcp);
    let ilp = IlpSettings {
        protocol,
        host: args.host.clone(),
        port,
        user: has_user.then(|| args.ilp_user.clone()),
        password: ilp_password.filter(|_| args.protocol == Transport::Http),
        token,
        coordinates,
        authority: args.tls_ca.clone(),
    };
    let pg = PgSettings { host: args.host.clone(), port: args.pg_port, user: args.user.clone(), password };
    Ok((pg, ilp))
}

impl Request {
    /// What the flags ask for.
    ///
    /// # Errors
    /// A flag cannot be obeyed.
    pub fn of(args: &GenerateArgs, now_nanos: i64) -> Result<Self, InvalidRequest> {
        let mode = args.mode.ok_or(InvalidRequest::NoMode)?;
        Self::in_mode(args, mode, now_nanos)
    }

    /// What the flags ask for, in a mode that stands fast.
    ///
    /// # Errors
    /// A flag cannot be obeyed.
    pub fn in_mode(args: &GenerateArgs, mode: Mode, now_nanos: i64) -> Result<Self, InvalidRequest> {
        if args.enterprise {
            return Err(InvalidRequest::Enterprise);
        }
        let workers = within("processes", args.processes, 1, 256)? as usize;
        let (pg, ilp) = server(&args.server)?;
        let pace = match (mode, &args.rows.start_ts) {
            (Mode::FasterThanLife, _) => Pace::Free,
            (Mode::RealTime, None) => Pace::Wall,
            (Mode::RealTime, Some(_)) => Pace::FromNow,
        };
        let entities = args.rows.entities()?;
        let names = Arc::new(TableNames::with_suffix(&args.suffix)?);
        let target = match &args.to {
            None => {
                let views = Views { are_made: args.create_views, is_ttl_short: args.short_ttl };
                let (incremental, is_start_given) = (args.incremental, args.rows.start_ts.is_some());
                let settings = IngestSettings { pg, ilp, names, entities, views, incremental, is_start_given, pace };
                Target::QuestDb(Box::new(settings))
            }
            Some(_) if args.incremental => return Err(InvalidRequest::NotForFiles("incremental")),
            Some(to) => match to.strip_prefix("file:").filter(|path| !path.is_empty()) {
                Some(path) => Target::Files(path.into()),
                None => return Err(InvalidRequest::Target(to.clone())),
            },
        };
        // Real time goes second by second.
        let block_seconds_most = if mode == Mode::RealTime { 1 } else { BLOCK_SECONDS_MOST };
        let (job, totals) = args.rows.job(workers, block_seconds_most, now_nanos)?;
        Ok(Self { job, totals, target, pace, entities })
    }
}
