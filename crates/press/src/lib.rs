//! A document model and its renderers: one web page, Markdown, and PDF.

pub mod document;
pub mod html;
mod labels;
pub mod markdown;
pub mod pdf;
#[cfg(test)]
mod sample;
