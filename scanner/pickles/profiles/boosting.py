"""Gradient boosting: models of XGBoost, LightGBM and CatBoost's plain parts.

A booster's `__setstate__` hands its trees, as text or bytes, to the library's own parser of
models; wrappers for scikit-learn hold attributes.
"""

from typing import Final

from scanner.pickles import shapes
from scanner.pickles.allowlist import Entry

ENTRIES: Final = (
    (
        "xgboost.core:Booster lightgbm.basic:Booster",
        Entry(
            "holds trees, which the library parses like a model file",
            new=shapes.nothing,
            state=shapes.attributes,
        ),
    ),
    (
        "xgboost.sklearn:XGBModel,XGBClassifier,XGBRegressor,XGBRanker,XGBRFClassifier,"
        "XGBRFRegressor "
        "lightgbm.sklearn:LGBMModel,LGBMClassifier,LGBMRegressor,LGBMRanker",
        Entry(
            "an estimator: made empty, its attributes are assigned",
            new=shapes.nothing,
            state=shapes.attributes,
        ),
    ),
    (
        "catboost.core:CatBoost,CatBoostClassifier,CatBoostRegressor,CatBoostRanker",
        Entry(
            "holds trees as bytes, which the library parses like a model file, and settings",
            new=shapes.nothing,
            state=shapes.attributes,
        ),
    ),
    (
        "xgboost.callback:EarlyStopping,EvaluationMonitor,LearningRateScheduler",
        Entry("holds settings", new=shapes.nothing, state=shapes.attributes),
    ),
    (
        "lightgbm.sklearn:_LGBMLabelEncoder lightgbm.compat:_LGBMLabelEncoder "
        "xgboost.compat:XGBoostLabelEncoder",
        Entry("holds attributes", new=shapes.nothing, state=shapes.attributes),
    ),
)
"""Trees as data."""
