//! What the two sides say to each other, and what they make of a silence.

use super::*;

fn offer() -> io::Result<Offer> {
    Ok(Offer {
        lock: tempfile::tempfile()?.into(),
        gateway: Inherited::default(),
        portal: None,
    })
}

fn used() -> Used {
    let written = r#"{"key":{"attach":"00000000-0000-0000-0000-000000000001","name":"q",
            "subject":"00000000-0000-0000-0000-000000000002"},"period":0,"by":2,"until":9}"#;
    serde_json::from_str(written).unwrap()
}

/// Both sides, where the new one is ready.
async fn ready(data: &Path) -> (Successors, Successor, tokio::task::JoinHandle<Predecessor>) {
    let successors = Successors::listen(data);
    let data = data.to_owned();
    let asking = tokio::spawn(async move {
        let mut predecessor = Predecessor::ask(&data).await.unwrap().unwrap();
        predecessor.turn().await.unwrap();
        predecessor
    });
    let successor = successors.next(offer).await;
    (successors, successor, asking)
}

#[tokio::test]
async fn who_is_ready_and_dies_takes_nothing_over() {
    let data = tempfile::tempdir().unwrap();
    let (_successors, mut successor, asking) = ready(data.path()).await;
    // It is gone once it is told that it is its turn.
    let dying = tokio::spawn(async move { drop(asking.await) });
    let begun = successor.begins().await;
    assert_eq!(begun.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    dying.await.unwrap();
}

#[tokio::test]
async fn who_serves_is_told_when_the_other_serves_on() {
    let data = tempfile::tempdir().unwrap();
    for (hears, goes) in [(true, false), (false, false), (false, true)] {
        let (successors, mut successor, asking) = ready(data.path()).await;
        let relieving = tokio::spawn(async move {
            let mut predecessor = asking.await.unwrap();
            predecessor.relieve().await
        });
        if hears {
            successor.begins().await.unwrap();
            successor.go().await;
        } else {
            successor.0.send(&Line::Turn).await.unwrap();
        }
        // One that is gone does not listen either.
        let _listening = (!goes).then_some(successors);
        drop(successor);
        let relieved = relieving.await.unwrap();
        assert_eq!(relieved.is_ok(), hears || goes, "{hears} {goes}");
    }
}

#[tokio::test]
async fn who_is_told_to_end_lets_go_for_one_that_still_prepares() {
    let data = tempfile::tempdir().unwrap();
    let successors = Successors::listen(data.path());
    let mut predecessor = tokio::select! {
        _ = successors.next(offer) => panic!("nobody was ready"),
        asked = Predecessor::ask(data.path()) => asked.unwrap().unwrap(),
    };
    // It ends before the other has said anything.
    let mut successor = successors.preparing().unwrap();
    successor.go().await;
    let used = used();
    successor.counted(vec![used.clone()]).await;
    drop(successor);
    predecessor.turn().await.unwrap();
    predecessor.relieve().await.unwrap();
    assert_eq!(predecessor.remains().counted().await, [used]);
}

/// One that was stopped for a while begins when the other has gone on already.
#[tokio::test]
async fn who_steps_down_tells_what_it_has_counted() {
    let data = tempfile::tempdir().unwrap();
    for lines in [1, 20_000] {
        let (_successors, mut successor, asking) = ready(data.path()).await;
        successor.0.send(&Line::Turn).await.unwrap();
        let mut predecessor = asking.await.unwrap();
        let remains = successor.refuse().await;
        assert!(predecessor.relieve().await.is_err());
        let counted = vec![used(); lines];
        let told = tokio::spawn(predecessor.counted(counted.clone()));
        assert!(remains.counted().await == counted, "{lines}");
        told.await.unwrap();
    }
    // It may have died instead.
    let (_successors, mut successor, asking) = ready(data.path()).await;
    successor.0.send(&Line::Turn).await.unwrap();
    drop(asking.await.unwrap());
    let remains = successor.refuse().await;
    assert!(remains.counted().await.is_empty());
}
