//! The listener over real connections: heads that never end, and too many clients.

use std::{net::SocketAddr, time::Duration};

use axum::http::Method;
use migration::testing::TestDatabase;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

use crate::support::{App, PASSWORD};

const REQUEST: &[u8] = b"GET /docs/errors HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

struct Server {
    app: App,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

async fn serve(connections: usize, head_timeout: Duration) -> Server {
    let database = TestDatabase::sqlite().await;
    let app = App::with("http://localhost:3000", database, |settings| {
        settings.bounds = portal::Bounds {
            connections,
            head_timeout,
        };
    })
    .await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let portal = app.portal.clone();
    let task = tokio::spawn(async move {
        let stopped = async {
            stopped.await.ok();
        };
        portal::serve(listener, &portal, stopped).await;
    });
    Server {
        app,
        address,
        stop,
        task,
    }
}

impl Server {
    async fn send(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream
    }
}

/// All that comes until the other side closes.
async fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.ok();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn a_head_that_never_ends_is_given_up() {
    let server = serve(10, Duration::from_millis(200)).await;
    let half = server.send(b"GET / HTTP/1.1\r\nhost: loc").await;
    let silent = server.send(b"").await;
    for stream in [half, silent] {
        let patience = Duration::from_secs(20);
        let answer = tokio::time::timeout(patience, rest(stream)).await;
        let answer = answer.expect("the connection is closed");
        assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    }
    let answer = rest(server.send(REQUEST).await).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn connections_over_the_limit_wait() {
    let server = serve(1, Duration::from_secs(600)).await;
    let mut first = server
        .send(b"GET /docs/errors HTTP/1.1\r\nhost: localhost\r\n")
        .await;
    let mut second = server.send(REQUEST).await;
    let mut byte = [0];
    let early = tokio::time::timeout(Duration::from_millis(300), second.read(&mut byte)).await;
    assert!(early.is_err(), "the second is not served beside the first");
    first.write_all(b"connection: close\r\n\r\n").await.unwrap();
    let answer = rest(first).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let answer = rest(second).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn it_stops_when_requests_have_ended() {
    let Server {
        app,
        address,
        stop,
        task,
    } = serve(10, Duration::from_secs(600)).await;
    let mut kept = TcpStream::connect(address).await.unwrap();
    kept.write_all(b"GET /docs/errors HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut byte = [0];
    kept.read_exact(&mut byte).await.unwrap();
    stop.send(()).unwrap();
    // The answer under way comes whole, then the kept connection and the server end.
    assert!(rest(kept).await.contains("</html>"));
    task.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
    drop(app);
}

#[tokio::test]
async fn handlers_know_the_peer() {
    let server = serve(10, Duration::from_secs(600)).await;
    drop(server.app.member("ines").await);
    let body = format!("{{\"email\":\"ines@ines.example\",\"password\":\"{PASSWORD}\"}}");
    let request = format!(
        "POST /api/v1/sessions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = rest(server.send(request.as_bytes()).await).await;
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    let cookie = answer
        .lines()
        .find_map(|line| line.strip_prefix("set-cookie: "))
        .unwrap();
    let (cookie, _) = cookie.split_once(';').unwrap();
    let mut browser = server.app.browser();
    let (name, value) = cookie.split_once('=').unwrap();
    browser.cookies.insert(name.to_owned(), value.to_owned());
    browser
        .ask(Method::GET, "/api/v1/sessions", &[], "")
        .await
        .ok(200)
        .says("\"address\":\"127.0.0.");
}
