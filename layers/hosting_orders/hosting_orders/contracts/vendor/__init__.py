"""What the contracts of one vendor's family share: words, times, errors, tasks, callbacks, accounts, about."""
