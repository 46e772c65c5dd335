import { connect, type ChannelModel, type ConfirmChannel, type Options } from "amqplib";
import { openApp } from "../celeriac/app.ts";
import { ARGUMENT, type Contender, type DrainLoad, type Figures, type Place, type SendLoad } from "../contender.ts";
import { drainInChild } from "../draining.ts";
import { inFlight, warmRateOf } from "../load.ts";
import { lacksRabbitMq, rabbitMqUrlOf } from "./server.ts";

export const QUEUE = "celery";
const REPLIES = "replies";
const WORKER = "./rabbitmq/raw-worker.ts";

/** The least that the same library must do with the same messages. */
export const rawAmqplib: Contender = {
  name: "raw amqplib",
  lacks: lacksRabbitMq,
  measurements: { send, drain },
};

async function send(place: Place, { count, inFlight: width }: SendLoad): Promise<Figures> {
  await using raw = await openRaw(rabbitMqUrlOf(place));
  return { rate: await warmRateOf(count, (some) => inFlight(some, width, () => raw.send())) };
}

/** Where results are kept they are sent here, and read. */
async function drain(place: Place, { waiting, concurrency, keepsResults }: DrainLoad): Promise<Figures> {
  const url = rabbitMqUrlOf(place);
  await using raw = await openRaw(url);
  if (keepsResults) await raw.hearReplies();
  await inFlight(waiting, 500, () => raw.send());
  return await drainInChild(WORKER, { place: url, concurrency, count: waiting, keepsResults });
}

interface RawSender extends AsyncDisposable {
  /** Resolves once it is confirmed. */
  readonly send: () => Promise<void>;
  readonly hearReplies: () => Promise<void>;
}

/** Sends what Celeriac itself sends for a task. */
async function openRaw(url: string): Promise<RawSender> {
  await sendOne(url);
  const connection: ChannelModel = await connect(url);
  const channel = await connection.createConfirmChannel();
  const example = await channel.get(QUEUE, { noAck: true });
  if (example === false) throw new Error("bench/rabbitmq/raw-amqplib.ts finds nothing where Celeriac sends.");
  const { content, properties } = example;
  const options = { ...properties, replyTo: REPLIES, mandatory: true } as Options.Publish;
  return {
    send: () => publish(channel, QUEUE, content, options),
    hearReplies: async () => {
      await channel.assertQueue(REPLIES);
      await channel.consume(REPLIES, (reply) => {
        if (reply !== null) channel.ack(reply);
      });
    },
    [Symbol.asyncDispose]: () => connection.close(),
  };
}

/** Resolves once it is confirmed. */
export function publish(
  channel: ConfirmChannel,
  queue: string,
  content: Buffer,
  options: Options.Publish,
): Promise<void> {
  return new Promise((resolve, reject) => {
    channel.publish("", queue, content, options, (error: Error | null) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}

async function sendOne(url: string): Promise<void> {
  const { app, task } = openApp(url, { keepsResults: false });
  await task.delay(ARGUMENT);
  await app.close();
}
