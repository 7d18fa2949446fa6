//! The HTTP client for buckets.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::header::{HeaderValue, IF_NONE_MATCH};
use http::{Method, Uri};
use object_store::ClientOptions;
use object_store::client::{HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService};
use rustls::{ClientConfig, RootCertStore};

use crate::ports::BlobError;

/// Time limit for connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time limit for an answer to begin, with the part that is sent before, and for each read of its body. None for the
/// whole: a client may take its time to read a blob.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// Makes clients with the TLS that the rest of the program uses. The library would bring another implementation.
#[derive(Debug)]
pub(super) struct Connector(reqwest::Client);

impl Connector {
    /// Creates a connector. Reads the certificates that the system trusts, which blocks for some milliseconds.
    pub(super) fn new() -> Result<Self, BlobError> {
        let mut roots = RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring supports TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .build()
            .map_err(BlobError::internal)?;
        Ok(Self(client))
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Careful(self.0.clone())))
    }
}

/// A client that completes an upload only if that replaces nothing. The library has no option for it, although S3 has.
#[derive(Debug)]
struct Careful(reqwest::Client);

#[async_trait]
impl HttpService for Careful {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        if is_completion(request.method(), request.uri()) {
            // Not part of the signature, as S3 allows for headers whose names do not begin with `x-amz-`.
            request
                .headers_mut()
                .entry(IF_NONE_MATCH)
                .or_insert(HeaderValue::from_static("*"));
        }
        HttpService::call(&self.0, request).await
    }
}

/// Reports whether a request completes an upload in parts.
fn is_completion(method: &Method, uri: &Uri) -> bool {
    let names_upload = |query: &str| query.split('&').any(|pair| pair.starts_with("uploadId="));
    method == Method::POST && uri.query().is_some_and(names_upload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_completion_of_an_upload_is_told_from_its_other_requests() {
        let at = |query: &str| format!("http://localhost/bucket/key?{query}").parse::<Uri>().unwrap();
        assert!(is_completion(&Method::POST, &at("uploadId=7")));
        assert!(!is_completion(&Method::POST, &at("uploads")));
        assert!(!is_completion(&Method::PUT, &at("partNumber=1&uploadId=7")));
        assert!(!is_completion(&Method::DELETE, &at("uploadId=7")));
        assert!(!is_completion(
            &Method::POST,
            &"http://localhost/bucket".parse().unwrap()
        ));
    }
}
