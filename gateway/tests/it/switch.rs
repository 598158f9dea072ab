//! A switch in the line to a database: TCP on loopback that can be cut and joined again, or fall
//! silent.

use std::net::SocketAddr;
use std::time::Duration;

use migration::testing::TestDatabase;
use sea_orm::DbBackend;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub(crate) struct Switch {
    on: watch::Sender<bool>,
    silenced: watch::Sender<()>,
    address: SocketAddr,
}

impl Switch {
    /// Begins joined, in front of `host:port`.
    pub(crate) async fn before(target: String) -> Self {
        let (on, state) = watch::channel(true);
        let (silenced, silence) = watch::channel(());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let mut silence = silence.clone();
                silence.mark_unchanged();
                tokio::spawn(join(client, target.clone(), state.clone(), silence));
            }
        });
        Self {
            on,
            silenced,
            address,
        }
    }

    /// In front of a PostgreSQL database; a SQLite file has no line to cut.
    pub(crate) async fn of(database: &TestDatabase) -> Option<(Self, String)> {
        match database.backend {
            DbBackend::Postgres => Some(Self::in_url(&database.url).await),
            _ => None,
        }
    }

    /// `url` with the switch's address instead of its own.
    pub(crate) async fn in_url(url: &str) -> (Self, String) {
        let (scheme, rest) = url.split_once("://").unwrap();
        let (authority, path) = rest.split_once('/').unwrap();
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (format!("{user}@"), host),
            None => (String::new(), authority),
        };
        let host = if host.contains(':') {
            host.to_owned()
        } else {
            format!("{host}:5432")
        };
        let switch = Self::before(host).await;
        let url = format!("{scheme}://{user}{}/{path}", switch.address);
        (switch, url)
    }

    pub(crate) fn cut(&self) {
        self.on.send_replace(false);
    }

    pub(crate) fn join(&self) {
        self.on.send_replace(true);
    }

    /// Nothing passes any more over the connections that there are, and nobody is told. New ones are
    /// as ever.
    pub(crate) fn silence(&self) {
        self.silenced.send_replace(());
    }
}

async fn join(
    mut client: TcpStream,
    target: String,
    mut on: watch::Receiver<bool>,
    mut silence: watch::Receiver<()>,
) {
    if !*on.borrow_and_update() {
        return;
    }
    let Ok(mut server) = TcpStream::connect(target).await else {
        return;
    };
    let is_silenced = tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => false,
        _ = on.wait_for(|on| !*on) => false,
        silenced = silence.changed() => silenced.is_ok(),
    };
    if is_silenced {
        // Neither side hears of an end.
        std::future::pending::<()>().await;
    }
}

/// Asks again until it is so, at most ten seconds.
pub(crate) async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let begun = tokio::time::Instant::now();
    while !so().await {
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "not in time: {what}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
