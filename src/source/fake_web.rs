//! A web in memory, for tests.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::fetch::{Fault, Fetch, Request, Response};

/// Pages by address; all other addresses answer with 404.
#[derive(Debug, Default)]
pub(super) struct FakeWeb {
    pages: BTreeMap<String, Response>,
    asked: Mutex<Vec<String>>,
}

impl FakeWeb {
    /// Adds a page with status 200.
    pub(super) fn with(self, url: &str, content_type: &str, body: impl Into<Vec<u8>>) -> FakeWeb {
        self.with_response(Response {
            url: url.to_owned(),
            status: 200,
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            body: body.into(),
            is_cut: false,
        })
    }

    pub(super) fn with_response(mut self, response: Response) -> FakeWeb {
        self.pages.insert(response.url.clone(), response);
        self
    }

    /// Returns the addresses that were asked for, in order.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Fetch for FakeWeb {
    fn fetch(&self, request: &Request<'_>) -> Result<Response, Fault> {
        self.asked.lock().unwrap().push(request.url.to_owned());
        let page = self.pages.get(request.url).cloned();
        let mut response = page.unwrap_or_else(|| Response {
            url: request.url.to_owned(),
            status: 404,
            ..Response::default()
        });
        response.is_cut |= response.body.len() > request.max_body;
        response.body.truncate(request.max_body);
        Ok(response)
    }
}
