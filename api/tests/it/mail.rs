//! The way of a mail from the outbox to an SMTP server, and what happens without one.

use std::sync::{Arc, Mutex};

use chrono::Duration;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use crate::support::{App, World};

/// A small SMTP server that keeps what it is given.
async fn server() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let kept = Arc::new(Mutex::new(Vec::new()));
    let mails = Arc::clone(&kept);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mails = Arc::clone(&mails);
            tokio::spawn(async move { talk(stream, &mails).await });
        }
    });
    (url, kept)
}

async fn talk(stream: tokio::net::TcpStream, mails: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 test\r\n").await?;
    let mut data: Option<String> = None;
    while let Some(line) = lines.next_line().await? {
        if let Some(text) = &mut data {
            if line == "." {
                mails.lock().unwrap().push(data.take().unwrap_or_default());
                write.write_all(b"250 kept\r\n").await?;
            } else {
                text.push_str(&line);
                text.push('\n');
            }
            continue;
        }
        let answer = match line.split(' ').next().unwrap_or_default() {
            "EHLO" => "250 test\r\n",
            "DATA" => {
                data = Some(String::new());
                "354 go on\r\n"
            }
            "QUIT" => "221 bye\r\n",
            _ => "250 ok\r\n",
        };
        write.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}

async fn app(url: String) -> World {
    let database = migration::testing::TestDatabase::sqlite().await;
    World::new(App::with(database, |settings| settings.smtp_url = Some(url)).await).await
}

async fn ask(world: &World) {
    world
        .app
        .client()
        .post("/password-resets", json!({ "email": world.owner.email }))
        .await
        .ok(202);
}

#[tokio::test]
async fn a_mail_is_sent_once_and_forgotten() {
    let (url, mails) = server().await;
    let world = app(url).await;
    ask(&world).await;
    let transport = api::post::transport(&world.app.plane).unwrap().unwrap();
    assert_eq!(
        api::post::deliver(&world.app.plane, &transport)
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        api::post::deliver(&world.app.plane, &transport)
            .await
            .unwrap(),
        0
    );
    assert_eq!(world.app.mail_count().await, 0);
    let mails = mails.lock().unwrap();
    assert_eq!(mails.len(), 1);
    assert!(mails[0].contains("To: owner@owner.example"), "{}", mails[0]);
    assert!(
        mails[0].contains("From: Portunus <portunus@localhost>"),
        "{}",
        mails[0]
    );
    assert!(mails[0].contains("http://localhost:3000/reset/"));
    assert!(mails[0].contains("text/plain") && mails[0].contains("text/html"));
    assert!(mails[0].contains("Auto-Submitted: auto-generated"));
}

#[tokio::test]
async fn a_server_that_is_away_is_tried_again_later() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", closed.local_addr().unwrap());
    drop(closed);
    let world = app(url).await;
    ask(&world).await;
    let transport = api::post::transport(&world.app.plane).unwrap().unwrap();
    let tries = async || {
        let page = api::service::outbox::list(&world.app.job(), &Default::default())
            .await
            .unwrap();
        page.items.first().map(|mail| mail.tries)
    };
    for (minutes, expected) in [(0, 1), (0, 1), (1, 2), (1, 2), (1, 3), (4, 4)] {
        world.app.advance(Duration::minutes(minutes));
        api::post::deliver(&world.app.plane, &transport)
            .await
            .unwrap();
        assert_eq!(
            tries().await,
            Some(expected),
            "after {minutes} more minutes"
        );
    }
    world.app.advance(Duration::days(8));
    api::service::jobs::forget(&world.app.job()).await.unwrap();
    assert_eq!(tries().await, None);
}

#[tokio::test]
async fn what_is_over_is_forgotten() {
    let world = World::new(App::new(migration::testing::TestDatabase::sqlite().await).await).await;
    ask(&world).await;
    world
        .app
        .client()
        .post("/password-resets", json!({ "email": "nobody@x.example" }))
        .await
        .ok(202);
    world.app.advance(Duration::days(8));
    assert!(api::service::jobs::forget(&world.app.job()).await.unwrap() >= 2);
    assert_eq!(world.app.mail_count().await, 0);
}
