//! The `#[tool]` attribute: one place per tool states everything about it.
//!
//! The attribute leaves the function as it is and adds an empty enum of the same name that
//! implements `homelab_core::tool::Tool`. Functions and empty enums live in different namespaces,
//! so `stop_vm` is both callable and listable in `tools![stop_vm]`.
//!
//! # Grammar
//! ```text
//! #[tool(read | write | destructive | critical,
//!        permission = "kind:resource:verb",
//!        [title = "Stop a guest"], [aggregated = "name_at_mcp"], [timeout = 60],
//!        [secret], [idempotent], [open_world],
//!        [untrusted("field", …)], [sensitive_args("field", …)], [sensitive_output("field", …)],
//!        [effect = path], [stands_for = path], [preview = path], [targets = path], [inverse = path],
//!        [read_back = path])]
//! async fn name(backend: &B[, args: A[, ctx: &CallContext]]) -> ToolResult<T>
//! ```
//! `timeout` is in seconds. `effect = path` names a plain function `fn(&B, &A) -> Effect` that says
//! which calls do less than the effect stated; `stands_for = path` names a plain function
//! `fn(&B, &A) -> Option<&'static str>` that says which other tool's work a call does, whose rules hold
//! for it too. The other hooks are async.
//! The description is the first paragraph of the doc comment, and a
//! missing one is a compile error; so is a missing effect or permission.

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::{format_ident, quote};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Error, Expr, FnArg, GenericArgument, Ident, ItemFn, Lit, LitStr, Meta, Path,
    PathArguments, ReturnType, Token, Type, parenthesized, parse_macro_input,
};

/// Declares a tool; see the crate documentation for the grammar.
#[proc_macro_attribute]
pub fn tool(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let options = parse_macro_input!(attribute as Options);
    let function = parse_macro_input!(item as ItemFn);
    expand(&options, &function)
        .unwrap_or_else(Error::into_compile_error)
        .into()
}

#[derive(Default)]
struct Options {
    effect: Option<Ident>,
    permission: Option<LitStr>,
    title: Option<LitStr>,
    aggregated: Option<LitStr>,
    timeout: Option<Expr>,
    flags: Vec<Ident>,
    lists: Vec<(Ident, Vec<LitStr>)>,
    hooks: Vec<(Ident, Path)>,
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut options = Self::default();
        while !input.is_empty() {
            let key: Ident = input.parse()?;
            match key.to_string().as_str() {
                "read" | "write" | "destructive" | "critical" => options.effect = Some(key),
                "secret" | "idempotent" | "open_world" => options.flags.push(key),
                "untrusted" | "sensitive_args" | "sensitive_output" => {
                    let inner;
                    parenthesized!(inner in input);
                    let fields = Punctuated::<LitStr, Token![,]>::parse_terminated(&inner)?;
                    options.lists.push((key, fields.into_iter().collect()));
                }
                name => {
                    input.parse::<Token![=]>()?;
                    match name {
                        "permission" => options.permission = Some(input.parse()?),
                        "title" => options.title = Some(input.parse()?),
                        "aggregated" => options.aggregated = Some(input.parse()?),
                        "timeout" => options.timeout = Some(input.parse()?),
                        "effect" | "stands_for" | "preview" | "targets" | "inverse"
                        | "read_back" => options.hooks.push((key, input.parse()?)),
                        other => {
                            return Err(Error::new(
                                key.span(),
                                format!("unknown option `{other}`"),
                            ));
                        }
                    }
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    }
}

fn expand(options: &Options, function: &ItemFn) -> syn::Result<Tokens> {
    let name = &function.sig.ident;
    let visibility = &function.vis;
    let spec = spec(options, function)?;
    let (backend, arguments, call) = signature(function)?;
    let output = output_type(&function.sig.output)?;
    let hooks = hooks(options, &backend);
    let (keep, mismatches) = match options.hooks.iter().find(|(key, _)| key == "read_back") {
        None => (quote!(), quote!(::std::vec::Vec::new())),
        Some((_, path)) => (
            quote!(let kept = ::std::clone::Clone::clone(&args);),
            quote!(#path(backend, &kept, &output).await?),
        ),
    };
    let doc = format!("The tool `{name}`, as listed in `tools!`.");

    Ok(quote! {
        #function

        #[doc = #doc]
        #[expect(non_camel_case_types, reason = "it bears the name of the tool's function")]
        #visibility enum #name {}

        impl ::homelab_core::tool::Tool<#backend> for #name {
            const SPEC: ::homelab_core::tool::ToolSpec = #spec;
            type Args = #arguments;
            type Output = #output;

            async fn run(
                backend: &#backend,
                args: Self::Args,
                ctx: &::homelab_core::call::CallContext,
            ) -> ::homelab_core::error::ToolResult<::homelab_core::tool::Ran<Self::Output>> {
                #keep
                let output = #call.await?;
                let mismatches = #mismatches;
                ::std::result::Result::Ok(::homelab_core::tool::Ran { output, mismatches })
            }
            #hooks
        }
    })
}

fn spec(options: &Options, function: &ItemFn) -> syn::Result<Tokens> {
    let name = function.sig.ident.to_string();
    let span = function.sig.ident.span();
    let description = first_paragraph(&function.attrs).ok_or_else(|| {
        Error::new(
            span,
            "a tool needs a doc comment: its first paragraph is sent to the model",
        )
    })?;
    let effect = options
        .effect
        .as_ref()
        .ok_or_else(|| Error::new(span, "say `read`, `write`, `destructive` or `critical`"))?;
    let permission = options
        .permission
        .as_ref()
        .ok_or_else(|| Error::new(span, "say `permission = \"kind:resource:verb\"`"))?;
    let effect = format_ident!("{}", effect.to_string());
    let title = options
        .title
        .as_ref()
        .map_or_else(|| title_of(&name), LitStr::value);

    let mut settings = Tokens::new();
    if let Some(aggregated) = &options.aggregated {
        settings.extend(quote!(spec.aggregated = ::std::option::Option::Some(#aggregated);));
    }
    if let Some(seconds) = &options.timeout {
        settings.extend(quote!(spec.timeout = ::std::time::Duration::from_secs(#seconds);));
    }
    if (options.hooks.iter()).any(|(hook, _)| hook == "effect" || hook == "stands_for") {
        settings.extend(quote!(spec.varies = true;));
    }
    for flag in &options.flags {
        settings.extend(quote!(spec.#flag = true;));
    }
    for (list, fields) in &options.lists {
        settings.extend(quote!(spec.#list = &[#(#fields),*];));
    }
    Ok(quote!({
        #[expect(unused_mut, clippy::allow_attributes, reason = "not every tool changes a default")]
        let mut spec = ::homelab_core::tool::ToolSpec::#effect(#name, #title, #description, #permission);
        #settings
        spec
    }))
}

/// The backend's type, the arguments' type, and the call expression for the parameters present.
fn signature(function: &ItemFn) -> syn::Result<(Type, Tokens, Tokens)> {
    let name = &function.sig.ident;
    let mut types = Vec::new();
    for input in &function.sig.inputs {
        let FnArg::Typed(typed) = input else {
            return Err(Error::new(name.span(), "a tool is a free function"));
        };
        types.push((*typed.ty).clone());
    }
    let Some(Type::Reference(backend)) = types.first() else {
        return Err(Error::new(name.span(), "the first parameter is `&Backend`"));
    };
    let backend = (*backend.elem).clone();
    Ok(match types.as_slice() {
        [_] => (
            backend,
            quote!(::homelab_core::tool::NoArgs),
            quote!({ let _ = (args, ctx); #name(backend) }),
        ),
        [_, args] => (
            backend,
            quote!(#args),
            quote!({ let _ = ctx; #name(backend, args) }),
        ),
        [_, args, _] => (backend, quote!(#args), quote!(#name(backend, args, ctx))),
        _ => {
            return Err(Error::new(
                name.span(),
                "a tool takes `&Backend`, its arguments and `&CallContext`",
            ));
        }
    })
}

fn hooks(options: &Options, backend: &Type) -> Tokens {
    let mut hooks = Tokens::new();
    for (hook, path) in &options.hooks {
        let body = match hook.to_string().as_str() {
            "effect" => {
                hooks.extend(quote! {
                    const HAS_EFFECT: bool = true;
                    fn effect(backend: &#backend, args: &Self::Args) -> ::homelab_core::tool::Effect {
                        #path(backend, args)
                    }
                });
                continue;
            }
            "stands_for" => {
                hooks.extend(quote! {
                    const HAS_STANDS_FOR: bool = true;
                    fn stands_for(
                        backend: &#backend,
                        args: &Self::Args,
                    ) -> ::std::option::Option<&'static str> {
                        #path(backend, args)
                    }
                });
                continue;
            }
            "preview" => quote!(::homelab_core::tool::Preview),
            "targets" => quote!(::std::vec::Vec<::homelab_core::tool::Target>),
            "inverse" => quote!(::std::option::Option<::homelab_core::tool::Inverse>),
            // Part of `run`, where the typed output still exists.
            _ => continue,
        };
        let constant = format_ident!("HAS_{}", hook.to_string().to_uppercase());
        hooks.extend(quote! {
            const #constant: bool = true;
            async fn #hook(backend: &#backend, args: Self::Args) -> ::homelab_core::error::ToolResult<#body> {
                #path(backend, &args).await
            }
        });
    }
    hooks
}

fn output_type(output: &ReturnType) -> syn::Result<Type> {
    if let ReturnType::Type(_, ty) = output
        && let Type::Path(path) = &**ty
        && let Some(last) = path.path.segments.last()
        && last.ident == "ToolResult"
        && let PathArguments::AngleBracketed(arguments) = &last.arguments
        && let Some(GenericArgument::Type(inner)) = arguments.args.first()
    {
        return Ok(inner.clone());
    }
    Err(Error::new(
        proc_macro2::Span::call_site(),
        "a tool returns `ToolResult<T>`",
    ))
}

fn first_paragraph(attributes: &[Attribute]) -> Option<String> {
    let mut lines = Vec::new();
    for attribute in attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("doc"))
    {
        let Meta::NameValue(pair) = &attribute.meta else {
            continue;
        };
        let Expr::Lit(literal) = &pair.value else {
            continue;
        };
        let Lit::Str(text) = &literal.lit else {
            continue;
        };
        let text = text.value();
        if text.trim().is_empty() && !lines.is_empty() {
            break;
        }
        lines.push(text.trim().to_owned());
    }
    let joined = lines.join(" ").trim().to_owned();
    (!joined.is_empty()).then_some(joined)
}

/// `get_node_status` becomes `Get node status`.
fn title_of(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}
