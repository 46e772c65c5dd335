import type { Exchange } from "../routing/topology.ts";

/** Where commands are broadcast: every node hears all of them. Kombu: `pidbox.py:Mailbox`, in Celery's namespace. */
export const CONTROL_EXCHANGE: Exchange = { name: "celery.pidbox", type: "fanout" };

/** Where replies go, each to the routing key of whoever asked. */
export const REPLY_EXCHANGE: Exchange = { name: "reply.celery.pidbox", type: "direct" };
