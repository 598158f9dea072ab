//! usage: plain-hyper LISTEN BACKEND PREFIX: forwards what lies under the prefix, and nothing else.

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(serve());
}

async fn serve() {
    let [listen, backend, prefix] = std::env::args()
        .skip(1)
        .collect::<Vec<_>>()
        .try_into()
        .expect("usage: plain-hyper LISTEN BACKEND PREFIX");
    let (backend, prefix): (&str, &str) = (backend.leak(), prefix.leak());
    let client = Client::builder(TokioExecutor::new()).build_http::<Incoming>();
    let listener = tokio::net::TcpListener::bind(listen)
        .await
        .expect("the address is free");
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let _ = stream.set_nodelay(true);
        let client = client.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            let client = client.clone();
            async move {
                let path = request.uri().path();
                let path = path.strip_prefix(prefix).unwrap_or(path);
                let target = format!("http://{backend}{path}");
                *request.uri_mut() = target.parse().unwrap_or_else(|_| Uri::from_static("/"));
                client.request(request).await
            }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection);
    }
}
