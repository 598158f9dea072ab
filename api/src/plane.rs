//! What one process of the management plane shares: databases, settings, keys, clock, counters.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, SubsecRound, Utc};
use domain::seal::KeyRing;
pub use entity::database::{DatabaseSettings, Databases, connect};
use tokio::sync::{Notify, watch};

use crate::attempts::Attempts;
use crate::error::{Error, Result};
use crate::explain::Explains;
use crate::hook::Outbox;
use crate::outgoing::Client;
use crate::passwords::Passwords;
use crate::settings::Settings;

/// Where "now" comes from. Times are cut to microseconds, the finest that both databases keep.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    #[default]
    System,
    /// Microseconds since the epoch, moved by hand.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    pub fn manual(at: DateTime<Utc>) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(at.timestamp_micros())))
    }

    pub fn now(&self) -> DateTime<Utc> {
        match self {
            Self::System => Utc::now().trunc_subsecs(6),
            Self::Manual(micros) => {
                DateTime::from_timestamp_micros(micros.load(Ordering::SeqCst)).unwrap_or_default()
            }
        }
    }

    /// Moves a manual clock; the system's goes by itself.
    pub fn advance(&self, by: chrono::Duration) {
        if let Self::Manual(micros) = self {
            micros.fetch_add(by.num_microseconds().unwrap_or(0), Ordering::SeqCst);
        }
    }
}

/// The two key rings (gateway.md §10).
#[derive(Debug, Clone)]
pub struct Rings {
    /// Mails, identity-provider and webhook secrets, the audit chain.
    pub portal: KeyRing,
    /// What gateways open: upstream credentials, TLS keys.
    pub gateway: KeyRing,
}

/// Shared by every request and job of the process.
#[derive(Debug)]
pub struct Plane {
    pub databases: Databases,
    pub settings: Settings,
    pub rings: Rings,
    pub clock: Clock,
    /// The newest change number of this process, for a gateway in the same process.
    pub changes: watch::Sender<u64>,
    /// Rung when a mail was put into the outbox, so that it leaves at once.
    pub mail: Notify,
    pub passwords: Passwords,
    pub attempts: Attempts,
    /// Set once by the executable, which knows the gateway's code; where it is not, nothing can be
    /// explained.
    pub explainer: OnceLock<Arc<dyn Explains>>,
    /// Asks servers that people name an address of.
    pub outgoing: Client,
    /// What there is to say of the messages to webhooks.
    pub webhooks: Outbox,
}

impl Plane {
    pub fn new(
        databases: Databases,
        settings: Settings,
        rings: Rings,
        clock: Clock,
    ) -> Result<Arc<Self>> {
        let passwords = Passwords::new(random()?)?;
        let outgoing = Client::new(settings.authorities.clone());
        Ok(Arc::new(Self {
            databases,
            settings,
            rings,
            clock,
            changes: watch::Sender::new(0),
            mail: Notify::new(),
            passwords,
            attempts: Attempts::default(),
            explainer: OnceLock::new(),
            outgoing,
            webhooks: Outbox::default(),
        }))
    }
}

/// Random bytes from the operating system; the only source in this crate.
pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| Error::internal(error.to_string()))?;
    Ok(bytes)
}
