"""Estimators of scikit-learn under the names that they had in versions 0.20 to 1.8.

Enumerated from those versions by class, as `sklearn` is from the newest: what unpickles here
takes `BaseEstimator.__setstate__` or none, and has no `__reduce__`, `__new__` or `__setattr__`
of its own. The compiled losses and distances make themselves empty and take numbers.
"""

from typing import Final

from scanner.pickles import numpy_shapes, shapes
from scanner.pickles.allowlist import Entry

_ESTIMATORS: Final = """
    sklearn.cluster.affinity_propagation_:AffinityPropagation
    sklearn.cluster.bicluster:BaseSpectral,SpectralBiclustering,SpectralCoclustering
    sklearn.cluster.birch:Birch sklearn.cluster.dbscan_:DBSCAN
    sklearn.cluster.hierarchical:AgglomerativeClustering,FeatureAgglomeration
    sklearn.cluster.mean_shift_:MeanShift sklearn.cluster.spectral:SpectralClustering
    sklearn.covariance.elliptic_envelope:EllipticEnvelope
    sklearn.covariance.empirical_covariance_:EmpiricalCovariance
    sklearn.covariance.graph_lasso_:GraphLasso,GraphLassoCV,GraphicalLasso,GraphicalLassoCV
    sklearn.covariance.robust_covariance:MinCovDet
    sklearn.covariance.shrunk_covariance_:LedoitWolf,OAS,ShrunkCovariance
    sklearn.cross_decomposition.cca_:CCA
    sklearn.cross_decomposition.pls_:PLSCanonical,PLSRegression,PLSSVD,_PLS
    sklearn.decomposition.base:_BasePCA
    sklearn.decomposition.dict_learning:DictionaryLearning,MiniBatchDictionaryLearning
    sklearn.decomposition.dict_learning:SparseCoder
    sklearn.decomposition.factor_analysis:FactorAnalysis sklearn.decomposition.fastica_:FastICA
    sklearn.decomposition.incremental_pca:IncrementalPCA
    sklearn.decomposition.kernel_pca:KernelPCA sklearn.decomposition.nmf:NMF
    sklearn.decomposition.sparse_pca:MiniBatchSparsePCA,SparsePCA
    sklearn.ensemble.bagging:BaseBagging sklearn.ensemble.base:BaseEnsemble
    sklearn.ensemble.forest:BaseForest,ForestClassifier,ForestRegressor,RandomTreesEmbedding
    sklearn.ensemble.gradient_boosting:BaseGradientBoosting
    sklearn.ensemble.voting_classifier:VotingClassifier
    sklearn.ensemble.weight_boosting:BaseWeightBoosting
    sklearn.feature_selection.from_model:SelectFromModel sklearn.feature_selection.rfe:RFE,RFECV
    sklearn.feature_selection.univariate_selection:GenericUnivariateSelect,SelectFdr,SelectFpr
    sklearn.feature_selection.univariate_selection:SelectFwe,SelectKBest,SelectPercentile
    sklearn.feature_selection.univariate_selection:_BaseFilter
    sklearn.feature_selection.variance_threshold:VarianceThreshold
    sklearn.gaussian_process.gpc:GaussianProcessClassifier
    sklearn.gaussian_process.gpc:_BinaryGaussianProcessClassifierLaplace
    sklearn.gaussian_process.gpr:GaussianProcessRegressor
    sklearn.impute:MissingIndicator,SimpleImputer
    sklearn.linear_model._glm.glm:GeneralizedLinearRegressor
    sklearn.linear_model.base:LinearModel sklearn.linear_model.bayes:ARDRegression,BayesianRidge
    sklearn.linear_model.coordinate_descent:ElasticNetCV,LassoCV,LinearModelCV
    sklearn.linear_model.coordinate_descent:MultiTaskElasticNet,MultiTaskElasticNetCV
    sklearn.linear_model.coordinate_descent:MultiTaskLasso,MultiTaskLassoCV
    sklearn.linear_model.huber:HuberRegressor
    sklearn.linear_model.least_angle:Lars,LarsCV,LassoLars,LassoLarsCV,LassoLarsIC
    sklearn.linear_model.omp:OrthogonalMatchingPursuit,OrthogonalMatchingPursuitCV
    sklearn.linear_model.passive_aggressive:PassiveAggressiveClassifier
    sklearn.linear_model.passive_aggressive:PassiveAggressiveRegressor
    sklearn.linear_model.perceptron:Perceptron
    sklearn.linear_model.randomized_l1:BaseRandomizedLinearModel,RandomizedLasso
    sklearn.linear_model.randomized_l1:RandomizedLogisticRegression
    sklearn.linear_model.ransac:RANSACRegressor
    sklearn.linear_model.ridge:RidgeCV,RidgeClassifierCV,_BaseRidge,_BaseRidgeCV,_RidgeGCV
    sklearn.linear_model.stochastic_gradient:BaseSGD,BaseSGDClassifier,BaseSGDRegressor
    sklearn.linear_model.theil_sen:TheilSenRegressor sklearn.manifold.isomap:Isomap
    sklearn.manifold.locally_linear:LocallyLinearEmbedding sklearn.manifold.mds:MDS
    sklearn.manifold.spectral_embedding_:SpectralEmbedding sklearn.manifold.t_sne:TSNE
    sklearn.mixture.base:BaseMixture sklearn.mixture.bayesian_mixture:BayesianGaussianMixture
    sklearn.multioutput:MultiOutputEstimator sklearn.naive_bayes:BaseDiscreteNB,BaseNB
    sklearn.neighbors.approximate:GaussianRandomProjectionHash,LSHForest
    sklearn.neighbors.base:NeighborsBase
    sklearn.neighbors.classification:RadiusNeighborsClassifier
    sklearn.neighbors.kde:KernelDensity sklearn.neighbors.lof:LocalOutlierFactor
    sklearn.neighbors.nearest_centroid:NearestCentroid
    sklearn.neighbors.regression:RadiusNeighborsRegressor
    sklearn.neighbors.unsupervised:NearestNeighbors
    sklearn.neural_network.multilayer_perceptron:BaseMultilayerPerceptron
    sklearn.neural_network.rbm:BernoulliRBM sklearn.preprocessing._data:PolynomialFeatures
    sklearn.preprocessing.data:Binarizer,KernelCenterer,PowerTransformer,QuantileTransformer
    sklearn.semi_supervised.label_propagation:BaseLabelPropagation,LabelPropagation
    sklearn.semi_supervised.label_propagation:LabelSpreading sklearn.svm.base:BaseLibSVM,BaseSVC
    sklearn.tree.tree:BaseDecisionTree
    """

_HELPERS: Final = """
    sklearn._loss.glm_distribution:ExponentialDispersionModel,GammaDistribution
    sklearn._loss.glm_distribution:InverseGaussianDistribution,NormalDistribution
    sklearn._loss.glm_distribution:PoissonDistribution,TweedieDistribution
    sklearn.cluster.birch:_CFNode,_CFSubcluster
    sklearn.ensemble._gb_losses:BinomialDeviance,ClassificationLossFunction,ExponentialLoss
    sklearn.ensemble._gb_losses:HuberLossFunction,LeastAbsoluteError,LeastSquaresError
    sklearn.ensemble._gb_losses:LossFunction,MultinomialDeviance,QuantileLossFunction
    sklearn.ensemble._gb_losses:RegressionLossFunction
    sklearn.ensemble._hist_gradient_boosting.loss:BaseLoss,BinaryCrossEntropy
    sklearn.ensemble._hist_gradient_boosting.loss:CategoricalCrossEntropy
    sklearn.ensemble._hist_gradient_boosting.loss:LeastAbsoluteDeviation,LeastSquares,Poisson
    sklearn.ensemble.gradient_boosting:BinomialDeviance,ClassificationLossFunction
    sklearn.ensemble.gradient_boosting:ExponentialLoss,HuberLossFunction,LeastAbsoluteError
    sklearn.ensemble.gradient_boosting:LeastSquaresError,LogOddsEstimator,LossFunction
    sklearn.ensemble.gradient_boosting:MeanEstimator,MultinomialDeviance
    sklearn.ensemble.gradient_boosting:PriorProbabilityEstimator,QuantileEstimator
    sklearn.ensemble.gradient_boosting:QuantileLossFunction,RegressionLossFunction
    sklearn.ensemble.gradient_boosting:ScaledLogOddsEstimator,VerboseReporter,ZeroEstimator
    sklearn.linear_model._glm.link:BaseLink,IdentityLink,LogLink,LogitLink
    sklearn.metrics._scorer:_PredictScorer,_ProbaScorer,_ThresholdScorer
    sklearn.metrics.scorer:_BaseScorer,_PredictScorer,_ProbaScorer,_ThresholdScorer
    sklearn.preprocessing.data:CategoricalEncoder
    """

_LOSSES: Final = """
    sklearn.linear_model._sgd_fast:Huber,Log,LossFunction,SquaredLoss
    sklearn.linear_model.sgd_fast:Classification,EpsilonInsensitive,Hinge,Huber,Log
    sklearn.linear_model.sgd_fast:LossFunction,ModifiedHuber,Regression
    sklearn.linear_model.sgd_fast:SquaredEpsilonInsensitive,SquaredHinge,SquaredLoss
    """

_COMPILED: Final = """
    CyAbsoluteError CyExponentialLoss CyHalfBinomialLoss CyHalfGammaLoss CyHalfMultinomialLoss
    CyHalfPoissonLoss CyHalfSquaredError CyHalfTweedieLoss CyHalfTweedieLossIdentity CyHuberLoss
    CyPinballLoss
    """.split()  # noqa: SIM905

_DISTANCES: Final = """
    sklearn.metrics._dist_metrics:BrayCurtisDistance,CanberraDistance,ChebyshevDistance
    sklearn.metrics._dist_metrics:DatasetsPair,DenseDenseDatasetsPair,DiceDistance
    sklearn.metrics._dist_metrics:EuclideanDistance,HammingDistance,HaversineDistance
    sklearn.metrics._dist_metrics:JaccardDistance,KulsinskiDistance,MahalanobisDistance
    sklearn.metrics._dist_metrics:ManhattanDistance,MatchingDistance,MinkowskiDistance
    sklearn.metrics._dist_metrics:PyFuncDistance,RogersTanimotoDistance,RussellRaoDistance
    sklearn.metrics._dist_metrics:SEuclideanDistance,SokalMichenerDistance,SokalSneathDistance
    sklearn.metrics._dist_metrics:WMinkowskiDistance
    sklearn.neighbors._dist_metrics:BrayCurtisDistance,CanberraDistance,ChebyshevDistance
    sklearn.neighbors._dist_metrics:DiceDistance,DistanceMetric,EuclideanDistance
    sklearn.neighbors._dist_metrics:HammingDistance,HaversineDistance,JaccardDistance
    sklearn.neighbors._dist_metrics:KulsinskiDistance,MahalanobisDistance,ManhattanDistance
    sklearn.neighbors._dist_metrics:MatchingDistance,MinkowskiDistance,PyFuncDistance
    sklearn.neighbors._dist_metrics:RogersTanimotoDistance,RussellRaoDistance
    sklearn.neighbors._dist_metrics:SEuclideanDistance,SokalMichenerDistance
    sklearn.neighbors._dist_metrics:SokalSneathDistance,WMinkowskiDistance
    sklearn.neighbors.dist_metrics:BrayCurtisDistance,CanberraDistance,ChebyshevDistance
    sklearn.neighbors.dist_metrics:DiceDistance,DistanceMetric,EuclideanDistance
    sklearn.neighbors.dist_metrics:HammingDistance,HaversineDistance,JaccardDistance
    sklearn.neighbors.dist_metrics:KulsinskiDistance,MahalanobisDistance,ManhattanDistance
    sklearn.neighbors.dist_metrics:MatchingDistance,MinkowskiDistance,PyFuncDistance
    sklearn.neighbors.dist_metrics:RogersTanimotoDistance,RussellRaoDistance
    sklearn.neighbors.dist_metrics:SEuclideanDistance,SokalMichenerDistance
    sklearn.neighbors.dist_metrics:SokalSneathDistance,WMinkowskiDistance
    """

_FUNCTIONS: Final = """
    sklearn.feature_selection.mutual_info_:mutual_info_classif,mutual_info_regression
    sklearn.feature_selection.univariate_selection:chi2,f_classif,f_oneway,f_regression
    sklearn.metrics.classification:accuracy_score,balanced_accuracy_score,brier_score_loss
    sklearn.metrics.classification:classification_report,cohen_kappa_score,confusion_matrix
    sklearn.metrics.classification:f1_score,fbeta_score,hamming_loss,hinge_loss,jaccard_score
    sklearn.metrics.classification:jaccard_similarity_score,log_loss,matthews_corrcoef
    sklearn.metrics.classification:precision_recall_fscore_support,precision_score
    sklearn.metrics.classification:recall_score,zero_one_loss
    sklearn.metrics.ranking:auc,average_precision_score,coverage_error
    sklearn.metrics.ranking:label_ranking_average_precision_score,label_ranking_loss
    sklearn.metrics.ranking:precision_recall_curve,roc_auc_score,roc_curve
    sklearn.metrics.regression:explained_variance_score,max_error,mean_absolute_error
    sklearn.metrics.regression:mean_squared_error,mean_squared_log_error
    sklearn.metrics.regression:median_absolute_error,r2_score
    sklearn.metrics.scorer:_passthrough_scorer sklearn.metrics._scorer:_passthrough_scorer
    sklearn.model_selection._search_successive_halving:_refit_callable
    """

ENTRIES: Final = (
    (
        _ESTIMATORS,
        Entry(
            "an estimator: made empty, its attributes are set from a dict",
            new=shapes.nothing,
            state=shapes.attributes,
            kind="estimator",
        ),
    ),
    (
        _HELPERS,
        Entry(
            "a helper of an estimator without methods that loading calls",
            call=shapes.scalars,
            new=shapes.nothing,
            state=shapes.attributes,
        ),
    ),
    (
        _LOSSES,
        Entry("a loss: compiled code over numbers", call=shapes.scalars, state=shapes.any_state),
    ),
    (
        _DISTANCES,
        Entry(
            "a distance: compiled code over numbers and arrays",
            new=shapes.nothing,
            state=shapes.any_state,
            kind="sklearn-native",
        ),
    ),
    (
        "sklearn.neighbors.kd_tree:newObj sklearn.neighbors.ball_tree:newObj "
        "sklearn.neighbors.dist_metrics:newObj",
        Entry(
            "is cls.__new__ of a listed native class",
            call=shapes.of_kind("sklearn-native"),
            state=shapes.any_state,
            makes="first argument",
        ),
    ),
    (
        "sklearn._loss.glm_distribution:DistributionBoundary",
        Entry("is a number and a flag", call=shapes.scalars, new=shapes.scalars),
    ),
    (
        "sklearn.utils.deprecation:DeprecationDict "
        "sklearn.covariance._graph_lasso:_DictWithDeprecatedKeys",
        Entry(
            "is a dict that warns when a key is read; loading reads none",
            new=shapes.nothing,
            state=shapes.attributes,
            items=True,
        ),
    ),
    (
        "numpy.core:_ufunc_reconstruct numpy._core:_ufunc_reconstruct",
        Entry(
            "looks a function over arrays up in numpy, which an estimator keeps",
            call=numpy_shapes.ufunc,
        ),
    ),
    (
        " ".join(
            f"{module}:{name}"
            for module in ("numpy.core._multiarray_umath", "numpy._core._multiarray_umath")
            for name in sorted(numpy_shapes.UFUNCS)
        ),
        Entry("is a function over arrays that an estimator keeps; it may not be called"),
    ),
    (
        " ".join(f"sklearn._loss._loss:__pyx_unpickle_{name}" for name in _COMPILED),
        Entry(
            "makes an empty loss of the class that it names",
            call=shapes.of_class(*(f"sklearn._loss._loss.{name}" for name in _COMPILED)),
            state=shapes.any_state,
        ),
    ),
    (_FUNCTIONS, Entry("is a function over arrays that an estimator keeps; it may not be called")),
)
"""The same objects as in `sklearn`, under older names."""
