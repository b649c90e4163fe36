//! Stacks.

use serde_json::{Value, json};

use super::Release;
use super::entry::Call;
use super::reply::{Answer, Failure, Reply, json_of};
use super::state::{Stack, State, Status};

impl Stack {
    fn row(&self, id: u64, release: Release) -> Value {
        let status = match self.status {
            Status::Active => 1,
            Status::Inactive => 2,
            Status::Deploying(..) => 3,
            Status::Failed(_) => 4,
        };
        let mut row = json!({
            "Id": id,
            "Name": self.name,
            "Type": self.kind,
            "EndpointId": self.environment,
            "SwarmId": self.swarm,
            "EntryPoint": "docker-compose.yml",
            "Env": self.env,
            "Status": status,
            "ProjectPath": format!("/data/compose/{id}"),
            "CreationDate": self.created,
            "CreatedBy": self.created_by,
            "UpdateDate": self.updated,
            "UpdatedBy": self.updated_by,
            "AdditionalFiles": null,
            "AutoUpdate": null,
            "GitConfig": self.git,
            "Webhook": self.webhook,
            "Namespace": "",
        });
        if release >= Release::V2_44 {
            row["StackFileVersion"] = json!(self.version);
            let message = match &self.status {
                Status::Failed(text) => text.as_str(),
                _ => "",
            };
            row["DeploymentStatus"] = json!([{ "Status": status, "Time": self.updated.max(self.created), "Message": message }]);
        }
        row
    }
}

/// The services of a compose file: name and image; or what is wrong with it.
fn services(file: &str) -> Result<Vec<(String, String)>, String> {
    let root: Value = serde_saphyr::from_str(file).map_err(|wrong| format!("yaml: {wrong}"))?;
    let services = root.get("services").and_then(Value::as_object);
    let Some(services) = services.filter(|services| !services.is_empty()) else {
        return Err("services must be a mapping".to_owned());
    };
    services
        .iter()
        .map(|(name, service)| match (service["image"].as_str(), service.get("build")) {
            (Some(image), _) => Ok((name.clone(), image.to_owned())),
            (None, Some(_)) => Ok((name.clone(), format!("{name}:latest"))),
            (None, None) => Err(format!(
                "service \"{name}\" has neither an image nor a build context specified: invalid compose project"
            )),
        })
        .collect()
}

/// A name as compose has it.
fn normalized(name: &str) -> String {
    let kept = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    let text: String = name.to_lowercase().chars().filter(kept).collect();
    text.trim_start_matches(['_', '-']).to_owned()
}

impl State {
    fn stack(&self, call: &Call) -> Result<(u64, &Stack), Failure> {
        let id = call.id()?;
        let missing = || {
            let message =
                "Unable to find a stack with the specified identifier inside the database";
            Failure::new(404, message, "object not found inside the database")
        };
        let stack = self.stacks.get(&id).ok_or_else(missing)?;
        self.may_use(call.user, stack.environment)?;
        Ok((id, stack))
    }

    /// The stack, if the call names its environment.
    fn stack_there(&self, call: &Call) -> Result<u64, Failure> {
        let (id, stack) = self.stack(call)?;
        match call.number("endpointId") {
            Some(environment) if environment != stack.environment => {
                self.environment(call.user, environment)?;
                let details = "the stack belongs to another environment";
                Err(Failure::new(403, "Access denied to resource", details))
            }
            _ => Ok(id),
        }
    }

    fn row(&self, id: u64) -> Answer {
        match self.stacks.get(&id) {
            Some(stack) => json_of(stack.row(id, self.release)),
            None => Err(Failure::new(404, "Unable to find a stack", "")),
        }
    }

    /// Brings a stack's containers to what its file says, as the plan of deployments has it.
    fn deploy(&mut self, id: u64) -> Result<(), Failure> {
        let plan = self.deploy.clone();
        let Some(stack) = self.stacks.get_mut(&id) else {
            return Ok(());
        };
        let failed = |details: String| Failure::new(500, "failed to deploy a stack", details);
        let services = services(&stack.file).map_err(failed)?;
        if self.release >= Release::V2_44 && plan.looks > 0 {
            stack.status = Status::Deploying(plan.looks, plan.error);
        } else if let Some(error) = plan.error {
            stack.status = Status::Inactive;
            return Err(failed(error));
        } else {
            stack.status = Status::Active;
        }
        let project = normalized(&stack.name);
        let environment = self.environments.get(&stack.environment);
        if let Some(engine) = environment.and_then(|one| one.engine.as_ref()) {
            engine.lock().compose_up(&project, &services);
        }
        Ok(())
    }
}

/// `GET /stacks`.
pub(super) fn list(state: &mut State, call: &Call) -> Answer {
    let filters = match call.query.get("filters").and_then(Value::as_str) {
        None => json!({}),
        Some(text) => serde_json::from_str(text).map_err(|wrong| {
            Failure::new(400, "Invalid query parameter: filters", wrong.to_string())
                .outside_the_contract()
        })?,
    };
    let environment = filters["EndpointID"].as_u64().filter(|id| *id > 0);
    let swarm = filters["SwarmID"].as_str().filter(|id| !id.is_empty());
    let wanted = |stack: &Stack| {
        state.may_use(call.user, stack.environment).is_ok()
            && environment.is_none_or(|id| stack.environment == id)
            && swarm.is_none_or(|id| stack.swarm == id)
    };
    let rows: Vec<Value> = state
        .stacks
        .iter()
        .filter(|(_, stack)| wanted(stack))
        .map(|(id, stack)| stack.row(*id, state.release))
        .collect();
    if rows.is_empty() && state.empty_is_204 {
        return Ok(Reply::Empty(204));
    }
    json_of(rows.into())
}

/// `GET /stacks/{id}`; a look brings its deployment on.
pub(super) fn inspect(state: &mut State, call: &Call) -> Answer {
    let (id, _) = state.stack(call)?;
    if let Some(stack) = state.stacks.get_mut(&id) {
        stack.status = match std::mem::replace(&mut stack.status, Status::Active) {
            Status::Deploying(0, None) => Status::Active,
            Status::Deploying(0, Some(error)) => Status::Failed(error),
            Status::Deploying(left, error) => Status::Deploying(left - 1, error),
            other => other,
        };
    }
    state.row(id)
}

/// `GET /stacks/{id}/file`.
pub(super) fn file(state: &mut State, call: &Call) -> Answer {
    let (_, stack) = state.stack(call)?;
    json_of(json!({ "StackFileContent": stack.file }))
}

/// `POST /stacks/create/…`.
pub(super) fn create(state: &mut State, call: &Call) -> Answer {
    let environment = call.number("endpointId").unwrap_or_default();
    state.environment(call.user, environment)?;
    let name = call.text("Name").to_owned();
    let plain = normalized(&name);
    if plain.is_empty() || plain != name.to_lowercase() {
        let details = "Invalid stack name. Stack name must only consist of lowercase alphanumeric characters, hyphens, or underscores as well as start with a letter or number";
        return Err(Failure::new(400, "Invalid request payload", details));
    }
    if state
        .stacks
        .values()
        .any(|stack| normalized(&stack.name) == plain)
    {
        let details = format!("A stack with the normalized name '{plain}' already exists");
        return Err(Failure::new(409, &details, details.clone()));
    }
    let git = call.pattern.ends_with("/repository").then(|| {
        json!({
            "URL": call.text("RepositoryURL"),
            "ReferenceName": call.text("RepositoryReferenceName"),
            "ConfigFilePath": call.text("ComposeFile"),
            "Authentication": call.flag("RepositoryAuthentication").then(|| json!({
                "Username": call.text("RepositoryUsername"),
                "Password": call.text("RepositoryPassword"),
            })),
            "ConfigHash": "0123456789abcdef0123456789abcdef01234567",
        })
    });
    let file = match &git {
        None => call.text("StackFileContent").to_owned(),
        Some(_) if call.text("RepositoryURL").is_empty() => {
            let details = "Invalid repository URL. Must correspond to a valid URL format";
            return Err(Failure::new(400, "Invalid request payload", details));
        }
        // What the repository is taken to hold.
        Some(_) => "services:\n  app:\n    image: lab/from-git:1\n".to_owned(),
    };
    let now = state.now();
    let by = state.name_of(call.user);
    let id = state.next_id();
    let stack = Stack {
        name: plain,
        environment,
        kind: if call.pattern.contains("/swarm/") {
            1
        } else {
            2
        },
        swarm: call.text("SwarmID").to_owned(),
        status: Status::Active,
        file,
        env: call.body.get("Env").cloned().unwrap_or_else(|| json!([])),
        git,
        webhook: call.text("Webhook").to_owned(),
        created: now,
        updated: 0,
        created_by: by,
        updated_by: String::new(),
        version: 1,
    };
    state.stacks.insert(id, stack);
    if let Err(failure) = state.deploy(id) {
        state.stacks.remove(&id);
        return Err(failure);
    }
    state.row(id)
}

/// Writes down who changed a stack, and deploys it.
fn changed(state: &mut State, call: &Call, id: u64) -> Answer {
    let now = state.now();
    let by = state.name_of(call.user);
    if let Some(stack) = state.stacks.get_mut(&id) {
        // The environment's variables are replaced as a whole.
        stack.env = call.body.get("Env").cloned().unwrap_or_else(|| json!([]));
        stack.updated = now;
        stack.updated_by = by;
        stack.version += 1;
    }
    state.deploy(id)?;
    state.row(id)
}

/// `PUT /stacks/{id}`.
pub(super) fn update(state: &mut State, call: &Call) -> Answer {
    let id = state.stack_there(call)?;
    let file = call.text("StackFileContent").to_owned();
    services(&file).map_err(|details| Failure::new(500, "failed to deploy a stack", details))?;
    if let Some(stack) = state.stacks.get_mut(&id) {
        stack.file = file;
        stack.git = None;
    }
    changed(state, call, id)
}

/// `PUT /stacks/{id}/git/redeploy`.
pub(super) fn redeploy(state: &mut State, call: &Call) -> Answer {
    let id = state.stack_there(call)?;
    if state.stack(call)?.1.git.is_none() {
        let details = "Stack is not created from git";
        return Err(Failure::new(400, details, details));
    }
    changed(state, call, id)
}

/// `DELETE /stacks/{id}`.
pub(super) fn delete(state: &mut State, call: &Call) -> Answer {
    let id = state.stack_there(call)?;
    if let Some(stack) = state.stacks.remove(&id) {
        let environment = state.environments.get(&stack.environment);
        if let Some(engine) = environment.and_then(|one| one.engine.as_ref()) {
            engine.lock().compose_down(&normalized(&stack.name));
        }
    }
    Ok(Reply::Empty(204))
}

fn run(state: &mut State, call: &Call, runs: bool) -> Answer {
    let id = state.stack_there(call)?;
    let Some(stack) = state.stacks.get_mut(&id) else {
        return state.row(id);
    };
    let wanted = if runs {
        Status::Active
    } else {
        Status::Inactive
    };
    if stack.status == wanted {
        let text = if runs {
            "Stack is already active"
        } else {
            "Stack is already inactive"
        };
        let status = if state.release >= Release::V2_44 {
            409
        } else {
            400
        };
        return Err(Failure::new(status, text, text));
    }
    stack.status = wanted;
    let environment = state.environments.get(&stack.environment);
    if let Some(engine) = environment.and_then(|one| one.engine.as_ref()) {
        engine.lock().compose_run(&normalized(&stack.name), runs);
    }
    state.row(id)
}

/// `POST /stacks/{id}/start`.
pub(super) fn start(state: &mut State, call: &Call) -> Answer {
    run(state, call, true)
}

/// `POST /stacks/{id}/stop`.
pub(super) fn stop(state: &mut State, call: &Call) -> Answer {
    run(state, call, false)
}

/// `POST /stacks/{id}/migrate`.
pub(super) fn migrate(state: &mut State, call: &Call) -> Answer {
    let id = state.stack_there(call)?;
    let target = call
        .body
        .get("EndpointID")
        .and_then(Value::as_u64)
        .unwrap_or_default();
    state.environment(call.user, target)?;
    if let Some(stack) = state.stacks.get_mut(&id) {
        let from = std::mem::replace(&mut stack.environment, target);
        let old = normalized(&stack.name);
        if let Some(name) = call
            .body
            .get("Name")
            .and_then(Value::as_str)
            .filter(|name| !name.is_empty())
        {
            stack.name = normalized(name);
        }
        if let Some(engine) = state
            .environments
            .get(&from)
            .and_then(|one| one.engine.as_ref())
        {
            engine.lock().compose_down(&old);
        }
    }
    state.deploy(id)?;
    state.row(id)
}
