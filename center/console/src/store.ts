// SPDX-License-Identifier: GPL-2.0-or-later
import { useEffect, useState } from "preact/hooks";

/** One value that several screens show. */
export class Store<V> {
  private readonly listeners = new Set<(value: V) => void>();

  constructor(private current: V) {}

  get value() {
    return this.current;
  }

  set value(value: V) {
    this.current = value;
    for (const listener of [...this.listeners]) listener(value);
  }

  listen(listener: (value: V) => void) {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  }
}

export function useStore<V>(store: Store<V>): V {
  const [value, setValue] = useState(store.value);
  useEffect(() => {
    setValue(() => store.value);
    return store.listen((next) => setValue(() => next));
  }, [store]);
  return value;
}
