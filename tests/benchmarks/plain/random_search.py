"""The book's search, as a user writes it: RandomizedSearchCV over a KerasRegressor."""

import json
import time

from housing import PATIENCE, SEED, CountEpochs, arguments, build_model, housing
from keras.callbacks import EarlyStopping
from scikeras.wrappers import KerasRegressor
from scipy.stats import loguniform, randint
from sklearn.model_selection import RandomizedSearchCV

given = arguments(__doc__)
train, valid = housing()
regressor = KerasRegressor(
    build_model,
    n_hidden=1,
    n_neurons=30,
    learning_rate=3e-3,
    epochs=given.epochs,
    random_state=SEED,
    verbose=0,
    callbacks=[EarlyStopping, CountEpochs],
    callbacks__0__patience=PATIENCE,
)
distributions = {
    "n_hidden": randint(0, 4),
    "n_neurons": randint(1, 101),
    "learning_rate": loguniform(3e-4, 3e-2),
}
search = RandomizedSearchCV(
    regressor,
    distributions,
    n_iter=given.trials,
    cv=3,
    random_state=SEED,
    scoring="neg_mean_squared_error",
)
start = time.monotonic()
search.fit(*train, validation_data=valid)
results = {
    "params": search.cv_results_["params"],
    "values": (-search.cv_results_["mean_test_score"]).tolist(),
    "epochs": CountEpochs.epochs,
    "seconds": time.monotonic() - start,
}
print(json.dumps(results, default=lambda number: number.item()))
