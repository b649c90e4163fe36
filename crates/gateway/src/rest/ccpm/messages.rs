//! Messages.

use homelab_core::ccpm::{
    CcpmResult, Choice as _, MessageComplete, MessageCreate, MessageFilter, MessageStatus,
};

use super::Asked;
use super::answer::Reply;
use super::operations::{CURSOR, Kind, LIMIT, Operation, Verb, may, run};

pub(super) static OPERATIONS: &[Operation] = &[
    Operation::change(
        ("sendMessage", Verb::Post),
        "/api/v1/messages",
        ("ccpm_send_message", "ccpm:message:send"),
        (Some("MessageCreate"), "MessagePage"),
        run!(send),
    )
    .creating(),
    Operation::get(
        "listMessages",
        "/api/v1/messages",
        ("ccpm_get_thread", "ccpm:message:read"),
        "MessagePage",
        run!(list),
    )
    .with_query(&[
        LIMIT,
        CURSOR,
        may("thread_id", Kind::Id),
        may("from", Kind::Text),
        may("to", Kind::Text),
        may(
            "status",
            Kind::Choice {
                of: MessageStatus::NAMES,
            },
        ),
        may("task_id", Kind::Id),
    ])
    .untrusted(),
    Operation::get(
        "getMessage",
        "/api/v1/messages/{id}",
        ("ccpm_get_message", "ccpm:message:read"),
        "Message",
        run!(show),
    )
    .untrusted(),
    Operation::change(
        ("markRead", Verb::Post),
        "/api/v1/messages/{id}/read",
        ("ccpm_mark_message_read", "ccpm:message:complete"),
        (None, "Message"),
        run!(mark_read),
    )
    .untrusted(),
    Operation::change(
        ("completeMessage", Verb::Post),
        "/api/v1/messages/{id}/complete",
        ("ccpm_mark_message_complete", "ccpm:message:complete"),
        (Some("MessageComplete"), "Message"),
        run!(complete),
    )
    .untrusted(),
];

async fn send(mut asked: Asked) -> CcpmResult<Reply> {
    let new: MessageCreate = asked.input.body()?;
    let done = asked.service.send_message(&asked.call, new).await?;
    Reply::done(&done)
}

async fn list(asked: Asked) -> CcpmResult<Reply> {
    let filter: MessageFilter = asked.input.filter()?;
    let page = asked.input.page()?;
    let messages = asked.service.list_messages(&asked.call, &filter, &page);
    Reply::read(&messages.await?)
}

async fn show(asked: Asked) -> CcpmResult<Reply> {
    let message = asked.service.message(&asked.call, asked.input.path("id"));
    Reply::read(&message.await?)
}

async fn mark_read(asked: Asked) -> CcpmResult<Reply> {
    let done = asked.service.mark_read(&asked.call, asked.input.path("id"));
    Reply::done(&done.await?)
}

async fn complete(mut asked: Asked) -> CcpmResult<Reply> {
    let with: MessageComplete = asked.input.body()?;
    let id = asked.input.path("id");
    let done = asked.service.complete_message(&asked.call, id, with);
    Reply::done(&done.await?)
}
