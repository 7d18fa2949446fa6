//! Inspecting a file while it arrives: its type, its hashes, its size, and what a picture declares. Bytes go in as they
//! were uploaded, and come out as they are served.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::domain::media::{
    AllowList, ContentType, DETECTION_BYTES, Facts, FileName, PictureFilter, Refusal, check_type, detect,
};

/// Inspects one file. Holds back its first bytes until its type is known: at most [`DETECTION_BYTES`] and a chunk.
pub(super) struct Inspector<'a> {
    name: &'a FileName,
    declared: Option<&'a ContentType>,
    allowed: &'a AllowList,
    state: State,
    /// Bytes as they were uploaded.
    uploaded: Hashed,
    /// Bytes as they are served, if those can differ: hashing takes most of the time of an upload.
    served: Hashed,
    /// First bytes, as far as they can make the EICAR test file.
    first: Vec<u8>,
}

/// Facts about a file that was inspected to its end.
pub(super) struct Inspected {
    pub(super) content_type: ContentType,
    pub(super) size: u64,
    pub(super) sha256: [u8; 32],
    /// SHA-256 of what was uploaded.
    pub(super) request: [u8; 32],
    pub(super) picture: Option<Facts>,
    pub(super) is_test_virus: bool,
}

enum State {
    /// The type is not known yet.
    Head(Vec<u8>),
    Picture(ContentType, Box<PictureFilter>),
    Other(ContentType),
}

#[derive(Clone, Default)]
struct Hashed {
    hash: Sha256,
    size: u64,
}

/// The test file of the European Institute for Computer Antivirus Research, which every scanner finds. May be followed
/// by blanks, to 128 bytes in all.
const EICAR: &[u8] = br"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";
const EICAR_BYTES: usize = 128;

impl<'a> Inspector<'a> {
    pub(super) fn new(name: &'a FileName, declared: Option<&'a ContentType>, allowed: &'a AllowList) -> Self {
        Self {
            name,
            declared,
            allowed,
            state: State::Head(Vec::new()),
            uploaded: Hashed::default(),
            served: Hashed::default(),
            first: Vec::new(),
        }
    }

    /// Returns the number of bytes uploaded so far.
    pub(super) fn uploaded(&self) -> u64 {
        self.uploaded.size
    }

    /// Takes the next bytes, and returns those to be stored, if any.
    ///
    /// # Errors
    /// [`Refusal`] as soon as the file has to be refused.
    pub(super) fn push(&mut self, chunk: Bytes) -> Result<Bytes, Refusal> {
        self.uploaded.add(&chunk);
        let room = (EICAR_BYTES + 1).saturating_sub(self.first.len());
        self.first.extend_from_slice(&chunk[..chunk.len().min(room)]);
        let State::Head(head) = &mut self.state else {
            return self.pass(chunk);
        };
        head.extend_from_slice(&chunk);
        if head.len() < DETECTION_BYTES {
            return Ok(Bytes::new());
        }
        let head = self.detect()?;
        self.pass(head)
    }

    /// Ends the file, and returns the last bytes to be stored with all that is known of it.
    ///
    /// # Errors
    /// [`Refusal`] if the file has to be refused.
    pub(super) fn finish(mut self) -> Result<(Bytes, Inspected), Refusal> {
        let mut rest = Bytes::new();
        if matches!(self.state, State::Head(_)) {
            let head = self.detect()?;
            rest = self.pass(head)?;
        }
        let (content_type, picture, served) = match self.state {
            State::Picture(content_type, filter) => (content_type, Some(filter.finish()?), self.served),
            State::Other(content_type) => (content_type, None, self.uploaded.clone()),
            State::Head(_) => unreachable!("the type was detected above"),
        };
        let is_test_virus = self.first.len() <= EICAR_BYTES && self.first.trim_ascii_end() == EICAR;
        let inspected = Inspected {
            content_type,
            size: served.size,
            sha256: served.hash.finalize().into(),
            request: self.uploaded.hash.finalize().into(),
            picture,
            is_test_virus,
        };
        Ok((rest, inspected))
    }

    /// Decides on the type from the first bytes, which it returns.
    fn detect(&mut self) -> Result<Bytes, Refusal> {
        let State::Head(head) = &mut self.state else {
            return Ok(Bytes::new());
        };
        let head = std::mem::take(head);
        let content_type = check_type(self.name.as_str(), self.declared, &detect(&head), self.allowed)?;
        self.state = match PictureFilter::for_type(&content_type)? {
            Some(filter) => State::Picture(content_type, Box::new(filter)),
            None => State::Other(content_type),
        };
        Ok(head.into())
    }

    fn pass(&mut self, chunk: Bytes) -> Result<Bytes, Refusal> {
        let State::Picture(_, filter) = &mut self.state else {
            return Ok(chunk);
        };
        let mut clean = Vec::with_capacity(chunk.len());
        filter.push(&chunk, &mut clean)?;
        self.served.add(&clean);
        Ok(clean.into())
    }
}

impl Hashed {
    fn add(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inspect(name: &str, bytes: &[u8], piece: usize) -> Result<(Vec<u8>, Inspected), Refusal> {
        let (name, allowed) = (FileName::new(name), AllowList::default());
        let mut inspector = Inspector::new(&name, None, &allowed);
        let mut out = Vec::new();
        for chunk in bytes.chunks(piece) {
            out.extend_from_slice(&inspector.push(Bytes::copy_from_slice(chunk))?);
        }
        let (rest, inspected) = inspector.finish()?;
        out.extend_from_slice(&rest);
        Ok((out, inspected))
    }

    #[test]
    fn a_file_that_is_no_picture_passes_as_it_is() {
        let text = "some words, and more of them. ".repeat(5_000);
        for piece in [1_000, 100_000] {
            let (out, inspected) = inspect("notes.txt", text.as_bytes(), piece).unwrap();
            assert!(out == text.as_bytes());
            assert_eq!(inspected.content_type.as_str(), "text/plain");
            assert_eq!(inspected.size, text.len() as u64);
            assert_eq!(inspected.sha256, <[u8; 32]>::from(Sha256::digest(&text)));
            assert_eq!(inspected.request, inspected.sha256);
            assert!(inspected.picture.is_none() && !inspected.is_test_virus);
        }
    }

    #[test]
    fn a_picture_is_stored_without_what_follows_it() {
        let gif = b"GIF89a\x01\0\x01\0\0\0\0\x2C\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0\x3B";
        let (out, inspected) = inspect("a.gif", &[&gif[..], b"and more"].concat(), 3).unwrap();
        assert_eq!(out, gif);
        assert_eq!(inspected.size, gif.len() as u64);
        assert_ne!(inspected.request, inspected.sha256);
        assert_eq!(inspected.picture.map(|facts| (facts.width, facts.height)), Some((1, 1)));
    }

    #[test]
    fn a_program_named_like_a_picture_is_refused() {
        let refused = inspect("photo.jpg", b"\x7FELF\x02\x01\x01\0", 4).map(|_| ());
        assert!(matches!(refused, Err(Refusal::Mismatch { .. })), "{refused:?}");
    }

    #[test]
    fn the_test_file_of_scanners_is_known() {
        let is_found = |bytes: &[u8]| inspect("x.txt", bytes, 7).unwrap().1.is_test_virus;
        assert!(is_found(EICAR));
        assert!(is_found(&[EICAR, b" \r\n\t"].concat()));
        assert!(!is_found(&[EICAR, b" and more"].concat()));
        assert!(!is_found(&[EICAR, &b" ".repeat(100)].concat()), "too long");
        assert!(!is_found(b"X5O!"));
    }
}
