"""Losses and metrics that a compiled Keras model names: Keras' own, or its user's.

A plain name that is none of Keras' own is looked up among what the loader's user registered, so
the model needs code that it does not bring.

Source: the losses and metrics of Keras 3.15 and of Keras 2.19, in all their spellings.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

_NAMES: Final = """
    AUC Accuracy BCE BinaryAccuracy BinaryCrossentropy BinaryFocalCrossentropy BinaryIoU CTC
    CategoricalAccuracy CategoricalCrossentropy CategoricalFocalCrossentropy CategoricalHinge
    Circle ConcordanceCorrelation CosineSimilarity Dice F1Score FBetaScore FalseNegatives
    FalsePositives Hinge Huber IoU KLD KLDivergence LogCosh LogCoshError MAE MAPE MSE MSLE Mean
    MeanAbsoluteError MeanAbsolutePercentageError MeanIoU MeanRelativeError MeanSquaredError
    MeanSquaredLogarithmicError MeanTensor OneHotIoU OneHotMeanIoU PearsonCorrelation Poisson
    Precision PrecisionAtRecall R2Score Recall RecallAtPrecision RootMeanSquaredError
    SensitivityAtSpecificity SparseCategoricalAccuracy SparseCategoricalCrossentropy
    SparseTopKCategoricalAccuracy SpecificityAtSensitivity SquaredHinge Sum
    TopKCategoricalAccuracy TrueNegatives TruePositives Tversky acc accuracy auc bce
    binary_accuracy binary_crossentropy binary_focal_crossentropy binary_io_u binary_iou
    categorical_accuracy categorical_crossentropy categorical_focal_crossentropy
    categorical_hinge ce circle concordance_correlation cosine cosine_proximity
    cosine_similarity crossentropy ctc dice f1_score f_beta_score false_negatives
    false_positives hinge huber io_u iou kl_divergence kld kullback_leibler_divergence log_cosh
    log_cosh_error logcosh mae mape mean mean_absolute_error mean_absolute_percentage_error
    mean_io_u mean_iou mean_squared_error mean_squared_logarithmic_error mean_tensor mse msle
    one_hot_io_u one_hot_mean_io_u pearson_correlation poisson precision precision_at_recall
    r2_score recall recall_at_precision root_mean_squared_error sensitivity_at_specificity
    sparse_categorical_accuracy sparse_categorical_crossentropy sparse_crossentropy
    sparse_top_k_categorical_accuracy specificity_at_sensitivity squared_hinge sum
    top_k_categorical_accuracy true_negatives true_positives tversky
    """
_OWN: Final = frozenset(_NAMES.split())
_HOLDING: Final = ("loss", "metrics", "weighted_metrics")


def foreign(document: dict[str, Any]) -> Iterator[str]:
    """Yield the names of losses and metrics that the settings of a compiled model need.

    They stand under `compile_config`, or with `optimizer_config` in what older releases wrote;
    for each output there may be one, or a list. What has a class is an object of its own.
    """
    compiled = document.get("compile_config")
    if not (isinstance(compiled, dict) and "optimizer" in compiled):
        compiled = document if "optimizer_config" in document else {}
    pending = [compiled.get(key) for key in _HOLDING]
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            if value not in _OWN and value:
                yield value
        elif isinstance(value, list):
            pending.extend(value)
        elif isinstance(value, dict) and "class_name" not in value:
            pending.extend(value.values())
