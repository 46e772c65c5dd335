import { Celeriac } from "celeriac";

export const app = new Celeriac({ broker: "sqlite:shop.db", resultBackend: "sqlite:shop.db" });
export const outbox = new Map<string, string>();

export const welcome = app.task("mail.welcome", (name: string) => {
  if (!outbox.has(`welcome ${name}`)) outbox.set(`welcome ${name}`, `Welcome, ${name}!`);
});

const remind = app.task("mail.remind", (name: string) => {
  outbox.set(`remind ${name}`, `Still there, ${name}?`);
});

export async function signUp(name: string): Promise<void> {
  await welcome.delay(name);
  await remind.applyAsync({ args: [name], countdownMs: 7 * 86_400_000 });
}
