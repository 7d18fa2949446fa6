// Locks between tabs. Pages that aren't served over HTTPS or from localhost have none: there, each tab is on its own.

export const locks = globalThis.navigator?.locks ?? inThisTab();

function inThisTab() {
  const tails = new Map();
  return {
    request(name, work) {
      const turn = (tails.get(name) ?? Promise.resolve()).then(work);
      tails.set(
        name,
        turn.catch(() => {}),
      );
      return turn;
    },
    query: async () => ({ held: [], pending: [] }),
  };
}
