//! The end of a gateway while much is under way, by SIGTERM and by a take-over: what ends in time
//! is whole, whatever protocol it is in, and what does not is ended so that nobody takes a part for
//! the whole.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use e2e::client::Client;
use e2e::process::{Portunus, signal};
use e2e::wait;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::lasting::{Exchange, FILE, Frames, Lasting, PATIENCE};

/// Between two requests of a client, so that the machine has something left.
const PAUSE: Duration = Duration::from_millis(5);

fn front(running: &Portunus) -> anyhow::Result<SocketAddr> {
    let url = running.ready.gateway.trim_start_matches("http://");
    Ok(url.parse()?)
}

fn told_to_end(running: &Portunus) -> anyhow::Result<()> {
    match running.pid() {
        Some(pid) => signal(pid, libc::SIGTERM),
        None => bail!("it has ended already"),
    }
}

/// Asks over HTTP/1 until nobody is let in any more: how many answers came, all of them whole. A
/// kept connection may be closed on a client that is just writing, and then nothing comes.
async fn calls(address: SocketAddr, keeps: bool) -> anyhow::Result<u64> {
    let close = if keeps { "" } else { "Connection: close\r\n" };
    let request = format!("GET /x/fast HTTP/1.1\r\nHost: a.test\r\n{close}\r\n");
    let (mut answered, mut kept) = (0, None);
    loop {
        let mut stream = match kept.take() {
            Some(stream) => stream,
            None => match TcpStream::connect(address).await {
                Ok(stream) => stream,
                Err(_) => return Ok(answered),
            },
        };
        let mut got = Vec::new();
        let asked = stream.write_all(request.as_bytes()).await.is_ok();
        while asked && !got.ends_with(b"\r\n\r\nok") {
            match stream.read_buf(&mut got).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => break,
            }
        }
        let text = String::from_utf8_lossy(&got).to_ascii_lowercase();
        if !text.is_empty() {
            let is_whole = text.starts_with("http/1.1 200") && text.ends_with("\r\n\r\nok");
            ensure!(is_whole, "cut short: {text}");
            answered += 1;
            if !text.contains("\r\nconnection: close\r\n") {
                kept = Some(stream);
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Asks over one connection of HTTP/2 until it is told to go elsewhere.
async fn streams(address: SocketAddr) -> anyhow::Result<u64> {
    let mut frames = Frames::connect(address).await?;
    let mut answered = 0;
    while frames.goaway.is_none() {
        let of = frames.ask("/x/fast").await?;
        ensure!(frames.whole(of).await? == b"ok");
        answered += 1;
        tokio::time::sleep(PAUSE).await;
    }
    frames.closed().await?;
    Ok(answered)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_way_at_the_end_is_answered_whole() -> anyhow::Result<()> {
    const DRAIN: Duration = Duration::from_secs(30);
    let folder = tempfile::tempdir()?;
    let lasting = Lasting::start().await?;
    let running = lasting
        .gateway(folder.path(), &[], &[("PORTUNUS_DRAIN", "30s")])
        .await?;
    let address = front(&running)?;
    let callers: Vec<_> = (0..6)
        .map(|index| tokio::spawn(calls(address, index % 3 != 0)))
        .collect();
    let sharers: Vec<_> = (0..3).map(|_| tokio::spawn(streams(address))).collect();

    // One of each kind that lasts, all of them begun.
    let mut held = Exchange::begin(address, "/x/held", "").await?;
    let mut chat = Exchange::chat(address).await?;
    let mut file = Exchange::narrow(address, "/x/file").await?;
    file.stream.read_buf(&mut file.got).await?;
    let mut shared = Frames::connect(address).await?;
    let kept = shared.ask("/x/held").await?;
    let flowing = shared.ask("/x/slow").await?;
    shared.begun(flowing).await?;
    let mut slow = Exchange::begin(address, "/x/slow", "").await?;
    slow.until("slow\r\n").await?;
    wait::until("both are held", PATIENCE, || async {
        (lasting.held.load(Ordering::Relaxed) == 2).then_some(())
    })
    .await?;

    let began = Instant::now();
    told_to_end(&running)?;
    wait::until("nobody is let in", Duration::from_secs(5), || async {
        TcpStream::connect(address).await.is_err().then_some(())
    })
    .await?;
    let readiness = format!("{}/readyz", running.ready.admin);
    let answer = Client::default().get(&readiness).await?.expect(503)?;
    ensure!(answer.text.contains("draining"), "{}", answer.text);
    let mut answered = 0;
    for one in callers.into_iter().chain(sharers) {
        answered += one.await??;
    }
    ensure!(answered > 0, "they were served before");
    shared.told_to_go().await?;
    ensure!(!shared.body(kept).is_whole, "its streams go on");
    chat.echoes("still here").await?;
    slow.until("0\r\n\r\n").await?;
    slow.is_slow_whole()?;
    ensure!(shared.whole(flowing).await? == b"slow".repeat(20));
    // Slowly: more than any socket holds is still to come.
    let mut piece = vec![0; 64 * 1024];
    loop {
        match file.stream.read(&mut piece).await? {
            0 => break,
            count => file.got.extend(&piece[..count]),
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let head = file.got.windows(4).position(|four| four == b"\r\n\r\n");
    let came = file.got.len() - head.map_or(0, |at| at + 4);
    ensure!(came == FILE, "{came} bytes of {FILE}");

    // What was held until now comes as well, and then the process ends by itself.
    lasting.release.send_replace(true);
    held.rest().await?;
    let text = held.text().to_ascii_lowercase();
    ensure!(text.contains("connection: close\r\n"), "{text}");
    ensure!(text.ends_with("\r\n\r\nok"), "{text}");
    ensure!(shared.whole(kept).await? == b"ok");
    shared.closed().await?;
    chat.echoes("to the last").await?;
    chat.stream.shutdown().await?;
    chat.rest().await?;
    ensure!(running.ended().await? == 0);
    let took = began.elapsed();
    println!("{answered} answers before, and the end after {took:?}");
    ensure!(took < DRAIN, "{took:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_on_is_cut_off_in_order_when_the_time_is_over() -> anyhow::Result<()> {
    const CUT_OFF: [(&str, &str); 2] = [("PORTUNUS_DRAIN", "2s"), ("PORTUNUS_MAX_BODY", "1GiB")];
    let folder = tempfile::tempdir()?;
    let lasting = Lasting::start().await?;
    let running = lasting.gateway(folder.path(), &[], &CUT_OFF).await?;
    let address = front(&running)?;
    let mut events = Exchange::begin(address, "/x/events", "").await?;
    events.until("data: 1\n\n\r\n").await?;
    let mut upload = Exchange::upload(address, "/x/events").await?;
    upload.until("data: 1\n\n\r\n").await?;
    let mut chat = Exchange::chat(address).await?;
    let mut shared = Frames::connect(address).await?;
    let of = shared.ask("/x/events").await?;
    shared.begun(of).await?;

    let began = Instant::now();
    told_to_end(&running)?;
    shared.told_to_go().await?;
    let before = shared.body(of).bytes.len();
    chat.echoes("still here").await?;
    // None of them is reset, and none has an end that could be taken for the upstream's.
    events.rest().await?;
    ensure!(!events.got.ends_with(b"0\r\n\r\n"), "{}", events.text());
    upload.rest().await?;
    ensure!(!upload.got.ends_with(b"0\r\n\r\n"), "{}", upload.text());
    chat.rest().await?;
    shared.closed().await?;
    let body = shared.body(of);
    ensure!(!body.is_whole, "END_STREAM was made up");
    ensure!(body.bytes.len() > before, "it went on behind the GOAWAY");
    let took = began.elapsed();
    ensure!(took >= Duration::from_secs(2), "all had the time: {took:?}");
    ensure!(running.ended().await? == 0);
    let took = began.elapsed();
    println!("the end came after {took:?}");
    ensure!(took < Duration::from_secs(15), "{took:?}");
    Ok(())
}

/// Asks over HTTP/2 until told to stop, on one connection after the other: none of them is refused.
async fn everywhere(address: SocketAddr, stop: Arc<AtomicBool>) -> anyhow::Result<(u64, u64)> {
    let (mut answered, mut connections) = (0, 0);
    loop {
        let mut frames = Frames::connect(address).await?;
        connections += 1;
        while frames.goaway.is_none() {
            if stop.load(Ordering::Relaxed) {
                return Ok((answered, connections));
            }
            let of = frames.ask("/x/fast").await?;
            ensure!(frames.whole(of).await? == b"ok");
            answered += 1;
            tokio::time::sleep(PAUSE).await;
        }
        frames.closed().await?;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_take_over_breaks_neither_streams_nor_tunnels() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let lasting = Lasting::start().await?;
    let drain = [("PORTUNUS_DRAIN", "6s")];
    let first = lasting
        .gateway(folder.path(), &["--takeover"], &drain)
        .await?;
    let address = front(&first)?;
    let stop = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..4)
        .map(|_| tokio::spawn(everywhere(address, stop.clone())))
        .collect();
    let mut chat = Exchange::chat(address).await?;
    let mut lingering = Exchange::chat(address).await?;
    let mut shared = Frames::connect(address).await?;
    let kept = shared.ask("/x/held").await?;
    let flowing = shared.ask("/x/slow").await?;
    shared.begun(flowing).await?;
    wait::until("one is held", PATIENCE, || async {
        (lasting.held.load(Ordering::Relaxed) == 1).then_some(())
    })
    .await?;

    let second = lasting
        .gateway(folder.path(), &["--takeover"], &drain)
        .await?;
    let began = Instant::now();
    ensure!(front(&second)? == address, "on the same address");
    // What the first process has goes on there, to its end.
    shared.told_to_go().await?;
    ensure!(shared.whole(flowing).await? == b"slow".repeat(20));
    lasting.release.send_replace(true);
    ensure!(shared.whole(kept).await? == b"ok");
    shared.closed().await?;
    chat.echoes("with the first").await?;
    // And what is new is the second's.
    let mut later = Exchange::chat(address).await?;
    let mut other = Frames::connect(address).await?;
    let of = other.ask("/x/fast").await?;
    ensure!(other.whole(of).await? == b"ok");
    chat.stream.shutdown().await?;
    chat.rest().await?;

    // A tunnel that nobody ends lasts as long as the drain, and the first process no longer.
    lingering.echoes("still here").await?;
    lingering.rest().await?;
    ensure!(first.ended().await? == 0);
    let took = began.elapsed();
    ensure!(took < Duration::from_secs(20), "{took:?}");
    later.echoes("with the second").await?;
    let of = other.ask("/x/fast").await?;
    ensure!(other.whole(of).await? == b"ok" && other.goaway.is_none());
    stop.store(true, Ordering::Relaxed);
    for caller in callers {
        let (answered, connections) = caller.await??;
        ensure!(answered > 0 && connections > 1, "{connections} connections");
    }
    println!("the first process ended {took:?} after the second began");
    drop(other);
    later.stream.shutdown().await?;
    later.rest().await?;
    ensure!(second.terminate().await? == 0);
    Ok(())
}
