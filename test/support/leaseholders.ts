import { NO_SLOT, type Leaseholder } from "../../src/broker/leases/lease-keeper.ts";

/** Holders by their receipts, each made when it is first asked for; `onLost` is the first one's. */
export function leaseholders(): (receipt: string, onLost?: () => unknown) => Leaseholder {
  const known = new Map<string, Leaseholder>();
  return (receipt, onLost) => {
    const holder = known.get(receipt) ?? { receipt, slot: NO_SLOT, leaseLost: () => void onLost?.() };
    known.set(receipt, holder);
    return holder;
  };
}
