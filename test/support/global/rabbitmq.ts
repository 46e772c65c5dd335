export { provideRabbitMq as setup } from "../services.ts";
