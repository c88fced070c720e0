"""Train one of A0's networks in Keras for a number of steps and print samples per second as JSON.

Run by ../training_speed.py in an environment of its own (Keras 3 on TensorFlow). The layers are the article's,
written once more by hand; batch 256, Adam, sparse cross-entropy, pixels / 255, float32 as Keras trains by default.
"""

import json
import os
import sys
import time

os.environ["KERAS_BACKEND"] = sys.argv[3]
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
from keras import layers as kl


def conv(filters):
    return kl.Conv2D(filters, 3, padding="same", activation="relu")


def blocks():
    return [layer for filters in (32, 64, 64) for layer in (conv(filters), kl.BatchNormalization(), kl.MaxPooling2D())]


def trunk():
    return [
        conv(32), kl.BatchNormalization(), conv(32), kl.BatchNormalization(), kl.Dropout(0.25),
        conv(64), kl.MaxPooling2D(), kl.Dropout(0.25), conv(128), kl.BatchNormalization(), kl.Dropout(0.25),
    ]  # fmt: skip


def dense(units):
    return [kl.Dense(units, activation="relu"), kl.BatchNormalization(), kl.Dropout(0.5)]


def rows():
    return kl.TimeDistributed(kl.Flatten())


NETWORKS = {
    "mlp": lambda: [kl.Flatten(), kl.Dense(256, activation="relu"), kl.Dense(64, activation="relu")],
    "cnn": lambda: [*blocks(), kl.Flatten(), kl.Dense(64, activation="relu")],
    "lstm": lambda: [
        kl.Reshape((28, 28)), kl.LSTM(64, return_sequences=True), kl.LSTM(64), kl.LayerNormalization(), kl.Dropout(0.5),
    ],
    "cnn-lstm": lambda: [*blocks(), rows(), kl.LSTM(64, return_sequences=True), kl.LSTM(64), kl.Dropout(0.5)],
    "cnn2": lambda: [*trunk(), kl.Flatten(), *dense(512), *dense(128)],
    "cnn2-lstm": lambda: [
        *trunk(), rows(), kl.LSTM(512, return_sequences=True), kl.LayerNormalization(), kl.Dropout(0.5),
        kl.LSTM(128), kl.LayerNormalization(), kl.Dropout(0.5),
    ],
}  # fmt: skip

BATCH = 256


class Clock(keras.callbacks.Callback):
    """The seconds of the second epoch: the first one compiles."""

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds = time.perf_counter() - self.started


def main() -> None:
    name, steps = sys.argv[1], int(sys.argv[2])
    model = keras.Sequential([keras.Input((28, 28, 1)), *NETWORKS[name](), kl.Dense(10, activation="softmax")])
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (steps * BATCH, 28, 28, 1)).astype("float32") / 255
    labels = generator.integers(0, 10, steps * BATCH)
    clock = Clock()
    model.fit(images, labels, batch_size=BATCH, epochs=2, verbose=0, callbacks=[clock])
    print(json.dumps({"samples_per_second": steps * BATCH / clock.seconds, "params": model.count_params()}))


main()
