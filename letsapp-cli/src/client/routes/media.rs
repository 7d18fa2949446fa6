//! Routes of files.

use letsapp_core::domain::id::MediaId;
use letsapp_core::domain::media::Variant;
use letsapp_core::protocol::requests::MediaUrlRequest;
use letsapp_core::protocol::{Code, Media, MediaUrl};
use reqwest::header::CONTENT_TYPE;

use crate::client::transfer::{Download, Progress, Upload, Watcher};
use crate::{Client, ClientError};

impl Client {
    /// Uploads a file, read from disk while it is sent, and returns what the server knows of it. `progress` is called
    /// after each piece.
    ///
    /// To send the file, put its id into the `attachments` of a message. Uploading the same [`Upload`] again, after a
    /// failure of the network, never makes a second file.
    ///
    /// ```no_run
    /// # use letsapp_cli::{Client, Upload, id::ConversationId, requests::SendMessage};
    /// # async fn example(client: Client, chat: ConversationId) -> Result<(), letsapp_cli::ClientError> {
    /// let picture = client.upload(&Upload::new("cat.jpg"), |_| {}).await?;
    /// let message = SendMessage { attachments: vec![picture.id], ..SendMessage::text("Look!")? };
    /// client.send(chat, message).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ClientError::File`] if the file can't be read. `payload_too_large` if it is too large or there is no room,
    /// `unsupported_media_type` if its type is not allowed or its name claims another, `infected` if a scanner found
    /// malware.
    pub async fn upload(
        &self,
        upload: &Upload,
        progress: impl Fn(Progress) + Send + Sync + 'static,
    ) -> Result<Media, ClientError> {
        let body = upload.body(Watcher::new(progress));
        let request = self.http.post_file(&["media"], body).query("id", Some(upload.id()));
        request.reply().await
    }

    /// Returns what is known of a file.
    ///
    /// # Errors
    /// `not_found` unless the user has uploaded the file, or sees a message, a profile or a group that shows it.
    pub async fn media(&self, id: MediaId) -> Result<Media, ClientError> {
        self.http.get(&["media", &id.to_string()]).reply().await
    }

    /// Makes a link to a file or to its preview. Whoever has the link can read the file until it expires, in an hour.
    /// The address is a complete one.
    ///
    /// # Errors
    /// `not_found` as for [`media`](Self::media), and if the file has no preview.
    pub async fn media_url(&self, id: MediaId, variant: Variant) -> Result<MediaUrl, ClientError> {
        let request = MediaUrlRequest {
            variant: Some(variant),
            ..MediaUrlRequest::default()
        };
        let path = ["media", &id.to_string(), "url"];
        let link: MediaUrl = self.http.post(&path, &request).reply().await?;
        let url = self.http.server.resolve(&link.url);
        let url = url.ok_or_else(|| ClientError::unexpected(&self.http.server, &"a link that is no address"))?;
        Ok(MediaUrl {
            url: url.into(),
            ..link
        })
    }

    /// Deletes a file that nothing shows.
    ///
    /// # Errors
    /// `conflict` while a message, a profile or a group shows the file.
    pub async fn delete_media(&self, id: MediaId) -> Result<(), ClientError> {
        self.http.delete(&["media", &id.to_string()]).no_content().await
    }

    /// Downloads a file or its preview, and returns the number of its bytes. `progress` is called after each piece.
    ///
    /// The bytes go to a hidden file beside the path, which gets its name once it is complete. If the network fails,
    /// that file stays, and the same download goes on where it ended.
    ///
    /// # Errors
    /// [`ClientError::File`] if there is a file at the path already, or it can't be written; otherwise as
    /// [`media_url`](Self::media_url).
    pub async fn download(
        &self,
        download: &Download,
        progress: impl Fn(Progress) + Send + Sync + 'static,
    ) -> Result<u64, ClientError> {
        download.check()?;
        let link = self.media_url(download.id, download.variant).await?;
        let mut partial = download.open_partial()?;
        let opened = match self.http.open_link(&link.url, partial.length()).await {
            // Longer than the file, or complete already.
            Err(error) if error.code() == Some(Code::RangeNotSatisfiable) => {
                partial.clear().await?;
                self.http.open_link(&link.url, 0).await
            }
            opened => opened,
        };
        let (response, server) = opened?;
        partial.receive(response, &server, &Watcher::new(progress)).await?;
        download.finish(partial).await
    }

    /// Returns the media type of a file or of its preview.
    pub(crate) async fn content_type(&self, id: MediaId, variant: Variant) -> Result<String, ClientError> {
        let link = self.media_url(id, variant).await?;
        let (response, _) = self.http.open_link(&link.url, 0).await?;
        let value = response.headers().get(CONTENT_TYPE);
        let value = value.and_then(|value| value.to_str().ok()).unwrap_or_default();
        Ok(value.to_owned())
    }
}
