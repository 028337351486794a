"""Estimators of scikit-learn, the sparse matrices of scipy, and joblib's array wrapper.

Enumerated from scikit-learn 1.9 by class, with the names that common estimators had before
0.22: every class here takes `BaseEstimator.__setstate__`, which compares versions and updates
`__dict__`, or none at all. What an estimator does later with its attributes is not loading.
"""

from typing import Final

from scanner.pickles import numpy_shapes, shapes
from scanner.pickles.allowlist import Entry
from scanner.pickles.functions import FUNCTION

_ESTIMATORS: Final = """
    sklearn.base:BaseEstimator
    sklearn.calibration:CalibratedClassifierCV,_CalibratedClassifier
    sklearn.calibration:_SigmoidCalibration,_TemperatureScaling
    sklearn.cluster._affinity_propagation:AffinityPropagation
    sklearn.cluster._agglomerative:AgglomerativeClustering,FeatureAgglomeration
    sklearn.cluster._bicluster:BaseSpectral,SpectralBiclustering
    sklearn.cluster._bicluster:SpectralCoclustering sklearn.cluster._birch:Birch
    sklearn.cluster._bisect_k_means:BisectingKMeans sklearn.cluster._dbscan:DBSCAN
    sklearn.cluster._hdbscan.hdbscan:HDBSCAN
    sklearn.cluster._kmeans:KMeans,MiniBatchKMeans,_BaseKMeans
    sklearn.cluster._mean_shift:MeanShift sklearn.cluster._optics:OPTICS
    sklearn.cluster._spectral:SpectralClustering
    sklearn.cluster.k_means_:KMeans,MiniBatchKMeans
    sklearn.compose._column_transformer:ColumnTransformer
    sklearn.compose._target:TransformedTargetRegressor
    sklearn.covariance._elliptic_envelope:EllipticEnvelope
    sklearn.covariance._empirical_covariance:EmpiricalCovariance
    sklearn.covariance._graph_lasso:BaseGraphicalLasso,GraphicalLasso
    sklearn.covariance._graph_lasso:GraphicalLassoCV
    sklearn.covariance._robust_covariance:MinCovDet
    sklearn.covariance._shrunk_covariance:LedoitWolf,OAS,ShrunkCovariance
    sklearn.cross_decomposition._pls:CCA,PLSCanonical,PLSRegression,PLSSVD,_PLS
    sklearn.decomposition._base:_BasePCA
    sklearn.decomposition._dict_learning:DictionaryLearning
    sklearn.decomposition._dict_learning:MiniBatchDictionaryLearning,SparseCoder
    sklearn.decomposition._factor_analysis:FactorAnalysis
    sklearn.decomposition._fastica:FastICA
    sklearn.decomposition._incremental_pca:IncrementalPCA
    sklearn.decomposition._kernel_pca:KernelPCA
    sklearn.decomposition._lda:LatentDirichletAllocation
    sklearn.decomposition._nmf:MiniBatchNMF,NMF,_BaseNMF sklearn.decomposition._pca:PCA
    sklearn.decomposition._sparse_pca:MiniBatchSparsePCA,SparsePCA,_BaseSparsePCA
    sklearn.decomposition._truncated_svd:TruncatedSVD
    sklearn.decomposition.online_lda:LatentDirichletAllocation sklearn.decomposition.pca:PCA
    sklearn.decomposition.truncated_svd:TruncatedSVD
    sklearn.discriminant_analysis:LinearDiscriminantAnalysis
    sklearn.discriminant_analysis:QuadraticDiscriminantAnalysis
    sklearn.dummy:DummyClassifier,DummyRegressor
    sklearn.ensemble._bagging:BaggingClassifier,BaggingRegressor,BaseBagging
    sklearn.ensemble._base:BaseEnsemble,_BaseHeterogeneousEnsemble
    sklearn.ensemble._forest:BaseForest,ExtraTreesClassifier,ExtraTreesRegressor
    sklearn.ensemble._forest:ForestClassifier,ForestRegressor
    sklearn.ensemble._forest:RandomForestClassifier,RandomForestRegressor
    sklearn.ensemble._forest:RandomTreesEmbedding
    sklearn.ensemble._gb:BaseGradientBoosting,GradientBoostingClassifier
    sklearn.ensemble._gb:GradientBoostingRegressor
    sklearn.ensemble._hist_gradient_boosting.binning:_BinMapper
    sklearn.ensemble._hist_gradient_boosting.gradient_boosting:BaseHistGradientBoosting
    sklearn.ensemble._hist_gradient_boosting.gradient_boosting:HistGradientBoostingClassifier
    sklearn.ensemble._hist_gradient_boosting.gradient_boosting:HistGradientBoostingRegressor
    sklearn.ensemble._iforest:IsolationForest
    sklearn.ensemble._stacking:StackingClassifier,StackingRegressor,_BaseStacking
    sklearn.ensemble._voting:VotingClassifier,VotingRegressor,_BaseVoting
    sklearn.ensemble._weight_boosting:AdaBoostClassifier,AdaBoostRegressor
    sklearn.ensemble._weight_boosting:BaseWeightBoosting
    sklearn.ensemble.bagging:BaggingClassifier,BaggingRegressor
    sklearn.ensemble.forest:ExtraTreesClassifier,ExtraTreesRegressor
    sklearn.ensemble.forest:RandomForestClassifier,RandomForestRegressor
    sklearn.ensemble.gradient_boosting:GradientBoostingClassifier
    sklearn.ensemble.gradient_boosting:GradientBoostingRegressor
    sklearn.ensemble.iforest:IsolationForest sklearn.ensemble.voting:VotingClassifier
    sklearn.ensemble.weight_boosting:AdaBoostClassifier,AdaBoostRegressor
    sklearn.feature_extraction._dict_vectorizer:DictVectorizer
    sklearn.feature_extraction._hash:FeatureHasher
    sklearn.feature_extraction.dict_vectorizer:DictVectorizer
    sklearn.feature_extraction.hashing:FeatureHasher
    sklearn.feature_extraction.image:PatchExtractor
    sklearn.feature_extraction.text:CountVectorizer,HashingVectorizer
    sklearn.feature_extraction.text:TfidfTransformer,TfidfVectorizer
    sklearn.feature_selection._from_model:SelectFromModel
    sklearn.feature_selection._rfe:RFE,RFECV
    sklearn.feature_selection._sequential:SequentialFeatureSelector
    sklearn.feature_selection._univariate_selection:GenericUnivariateSelect
    sklearn.feature_selection._univariate_selection:SelectFdr,SelectFpr,SelectFwe
    sklearn.feature_selection._univariate_selection:SelectKBest,SelectPercentile
    sklearn.feature_selection._univariate_selection:_BaseFilter
    sklearn.feature_selection._variance_threshold:VarianceThreshold
    sklearn.frozen._frozen:FrozenEstimator
    sklearn.gaussian_process._gpc:GaussianProcessClassifier
    sklearn.gaussian_process._gpc:_BinaryGaussianProcessClassifierLaplace
    sklearn.gaussian_process._gpr:GaussianProcessRegressor
    sklearn.impute._base:MissingIndicator,SimpleImputer,_BaseImputer
    sklearn.impute._iterative:IterativeImputer sklearn.impute._knn:KNNImputer
    sklearn.isotonic:IsotonicRegression
    sklearn.kernel_approximation:AdditiveChi2Sampler,Nystroem,PolynomialCountSketch
    sklearn.kernel_approximation:RBFSampler,SkewedChi2Sampler
    sklearn.kernel_ridge:KernelRidge
    sklearn.linear_model._base:LinearModel,LinearRegression,MultiOutputLinearModel
    sklearn.linear_model._bayes:ARDRegression,BayesianRidge
    sklearn.linear_model._coordinate_descent:ElasticNet,ElasticNetCV,Lasso,LassoCV
    sklearn.linear_model._coordinate_descent:LinearModelCV,MultiTaskElasticNet
    sklearn.linear_model._coordinate_descent:MultiTaskElasticNetCV,MultiTaskLasso
    sklearn.linear_model._coordinate_descent:MultiTaskLassoCV
    sklearn.linear_model._glm.glm:GammaRegressor,PoissonRegressor,TweedieRegressor
    sklearn.linear_model._glm.glm:_GeneralizedLinearRegressor
    sklearn.linear_model._huber:HuberRegressor
    sklearn.linear_model._least_angle:Lars,LarsCV,LassoLars,LassoLarsCV,LassoLarsIC
    sklearn.linear_model._logistic:LogisticRegression,LogisticRegressionCV
    sklearn.linear_model._omp:OrthogonalMatchingPursuit,OrthogonalMatchingPursuitCV
    sklearn.linear_model._passive_aggressive:PassiveAggressiveClassifier
    sklearn.linear_model._passive_aggressive:PassiveAggressiveRegressor
    sklearn.linear_model._perceptron:Perceptron
    sklearn.linear_model._quantile:QuantileRegressor
    sklearn.linear_model._ransac:RANSACRegressor
    sklearn.linear_model._ridge:Ridge,RidgeCV,RidgeClassifier,RidgeClassifierCV
    sklearn.linear_model._ridge:_BaseRidge,_BaseRidgeCV,_IdentityClassifier
    sklearn.linear_model._ridge:_IdentityRegressor,_RidgeGCV
    sklearn.linear_model._stochastic_gradient:BaseSGD,BaseSGDClassifier
    sklearn.linear_model._stochastic_gradient:BaseSGDRegressor,SGDClassifier
    sklearn.linear_model._stochastic_gradient:SGDOneClassSVM,SGDRegressor
    sklearn.linear_model._theil_sen:TheilSenRegressor
    sklearn.linear_model.base:LinearRegression
    sklearn.linear_model.coordinate_descent:ElasticNet,Lasso
    sklearn.linear_model.logistic:LogisticRegression,LogisticRegressionCV
    sklearn.linear_model.ridge:Ridge,RidgeClassifier
    sklearn.linear_model.stochastic_gradient:SGDClassifier,SGDRegressor
    sklearn.manifold._classical_mds:ClassicalMDS sklearn.manifold._isomap:Isomap
    sklearn.manifold._locally_linear:LocallyLinearEmbedding sklearn.manifold._mds:MDS
    sklearn.manifold._spectral_embedding:SpectralEmbedding sklearn.manifold._t_sne:TSNE
    sklearn.mixture._base:BaseMixture
    sklearn.mixture._bayesian_mixture:BayesianGaussianMixture
    sklearn.mixture._gaussian_mixture:GaussianMixture
    sklearn.mixture.gaussian_mixture:GaussianMixture
    sklearn.model_selection._classification_threshold:BaseThresholdClassifier
    sklearn.model_selection._classification_threshold:FixedThresholdClassifier
    sklearn.model_selection._classification_threshold:TunedThresholdClassifierCV
    sklearn.model_selection._search:BaseSearchCV,GridSearchCV,RandomizedSearchCV
    sklearn.model_selection._search_successive_halving:BaseSuccessiveHalving
    sklearn.model_selection._search_successive_halving:HalvingGridSearchCV
    sklearn.model_selection._search_successive_halving:HalvingRandomSearchCV
    sklearn.multiclass:OneVsOneClassifier,OneVsRestClassifier,OutputCodeClassifier
    sklearn.multiclass:_ConstantPredictor
    sklearn.multioutput:ClassifierChain,MultiOutputClassifier,MultiOutputRegressor
    sklearn.multioutput:RegressorChain,_BaseChain,_MultiOutputEstimator
    sklearn.naive_bayes:BernoulliNB,CategoricalNB,ComplementNB,GaussianNB
    sklearn.naive_bayes:MultinomialNB,_BaseDiscreteNB,_BaseNB
    sklearn.neighbors._base:NeighborsBase
    sklearn.neighbors._classification:KNeighborsClassifier,RadiusNeighborsClassifier
    sklearn.neighbors._graph:KNeighborsTransformer,RadiusNeighborsTransformer
    sklearn.neighbors._kde:KernelDensity sklearn.neighbors._lof:LocalOutlierFactor
    sklearn.neighbors._nca:NeighborhoodComponentsAnalysis
    sklearn.neighbors._nearest_centroid:NearestCentroid
    sklearn.neighbors._regression:KNeighborsRegressor,RadiusNeighborsRegressor
    sklearn.neighbors._unsupervised:NearestNeighbors
    sklearn.neighbors.classification:KNeighborsClassifier
    sklearn.neighbors.regression:KNeighborsRegressor
    sklearn.neural_network._multilayer_perceptron:BaseMultilayerPerceptron
    sklearn.neural_network._multilayer_perceptron:MLPClassifier,MLPRegressor
    sklearn.neural_network._rbm:BernoulliRBM
    sklearn.neural_network.multilayer_perceptron:MLPClassifier,MLPRegressor
    sklearn.pipeline:FeatureUnion,Pipeline
    sklearn.preprocessing._data:Binarizer,KernelCenterer,MaxAbsScaler,MinMaxScaler
    sklearn.preprocessing._data:Normalizer,PowerTransformer,QuantileTransformer
    sklearn.preprocessing._data:RobustScaler,StandardScaler
    sklearn.preprocessing._discretization:KBinsDiscretizer
    sklearn.preprocessing._encoders:OneHotEncoder,OrdinalEncoder,_BaseEncoder
    sklearn.preprocessing._function_transformer:FunctionTransformer
    sklearn.preprocessing._label:LabelBinarizer,LabelEncoder,MultiLabelBinarizer
    sklearn.preprocessing._polynomial:PolynomialFeatures,SplineTransformer
    sklearn.preprocessing._target_encoder:TargetEncoder
    sklearn.preprocessing.data:MaxAbsScaler,MinMaxScaler,Normalizer
    sklearn.preprocessing.data:PolynomialFeatures,RobustScaler,StandardScaler
    sklearn.preprocessing.imputation:Imputer
    sklearn.preprocessing.label:LabelBinarizer,LabelEncoder,MultiLabelBinarizer
    sklearn.random_projection:BaseRandomProjection,GaussianRandomProjection
    sklearn.random_projection:SparseRandomProjection
    sklearn.semi_supervised._label_propagation:BaseLabelPropagation
    sklearn.semi_supervised._label_propagation:LabelPropagation,LabelSpreading
    sklearn.semi_supervised._self_training:SelfTrainingClassifier
    sklearn.svm._base:BaseLibSVM,BaseSVC
    sklearn.svm._classes:LinearSVC,LinearSVR,NuSVC,NuSVR,OneClassSVM,SVC,SVR
    sklearn.svm.classes:LinearSVC,LinearSVR,NuSVC,NuSVR,OneClassSVM,SVC,SVR
    sklearn.tree._classes:BaseDecisionTree,DecisionTreeClassifier
    sklearn.tree._classes:DecisionTreeRegressor,ExtraTreeClassifier
    sklearn.tree._classes:ExtraTreeRegressor
    sklearn.tree.tree:DecisionTreeClassifier,DecisionTreeRegressor
    sklearn.tree.tree:ExtraTreeClassifier,ExtraTreeRegressor
    sklearn.utils._mocking:CheckingClassifier,NoSampleWeightWrapper
    sklearn.utils._mocking:_MockEstimatorOnOffPrediction
    sklearn.utils.metaestimators:_BaseComposition
    """

_HELPERS: Final = """
    sklearn._loss.link:BaseLink,HalfLogitLink,IdentityLink,Interval,LogLink
    sklearn._loss.link:LogitLink,MultinomialLogit
    sklearn._loss.loss:AbsoluteError,ArrayAPILossMixin,BaseLoss,ExponentialLoss
    sklearn._loss.loss:HalfBinomialLoss,HalfBinomialLossArrayAPI,HalfGammaLoss
    sklearn._loss.loss:HalfMultinomialLoss,HalfMultinomialLossArrayAPI
    sklearn._loss.loss:HalfPoissonLoss,HalfPoissonLossArrayAPI,HalfSquaredError
    sklearn._loss.loss:HalfTweedieLoss,HalfTweedieLossIdentity,HuberLoss,PinballLoss
    sklearn.calibration:CalibrationDisplay,_CalibratedClassifier
    sklearn.compose._column_transformer:make_column_selector
    sklearn.cluster._birch:_CFNode,_CFSubcluster
    sklearn.cluster._bisect_k_means:_BisectingTree sklearn.ensemble._gb:VerboseReporter
    sklearn.gaussian_process.kernels:CompoundKernel,ConstantKernel,DotProduct
    sklearn.gaussian_process.kernels:ExpSineSquared,Exponentiation
    sklearn.gaussian_process.kernels:GenericKernelMixin,Hyperparameter,Kernel
    sklearn.gaussian_process.kernels:KernelOperator,Matern,NormalizedKernelMixin
    sklearn.gaussian_process.kernels:PairwiseKernel,Product,RBF,RationalQuadratic
    sklearn.gaussian_process.kernels:StationaryKernelMixin,Sum,WhiteKernel
    sklearn.impute._iterative:_ImputerTriplet
    sklearn.metrics._scorer:_BaseScorer,_CurveScorer,_MultimetricScorer
    sklearn.metrics._scorer:_PassthroughScorer,_Scorer
    sklearn.model_selection._split:BaseCrossValidator,BaseShuffleSplit,GroupKFold
    sklearn.model_selection._split:GroupShuffleSplit,GroupsConsumerMixin,KFold
    sklearn.model_selection._split:LeaveOneGroupOut,LeaveOneOut,LeavePGroupsOut
    sklearn.model_selection._split:LeavePOut,PredefinedSplit,RepeatedKFold
    sklearn.model_selection._split:RepeatedStratifiedKFold,ShuffleSplit
    sklearn.model_selection._split:StratifiedGroupKFold,StratifiedKFold
    sklearn.model_selection._split:StratifiedShuffleSplit,TimeSeriesSplit
    sklearn.model_selection._split:_BaseKFold,_CVIterableWrapper,_RepeatedSplits
    sklearn.model_selection._split:_UnsupportedGroupCVMixin
    sklearn.neural_network._stochastic_optimizers:AdamOptimizer,BaseOptimizer
    sklearn.neural_network._stochastic_optimizers:SGDOptimizer
    sklearn.utils._metadata_requests:MetadataRequest,MetadataRouter,MethodMapping
    sklearn.utils._metadata_requests:MethodMetadataRequest,MethodPair,RequestMethod
    sklearn.utils._metadata_requests:RouterMappingPair,_MetadataRequester
    sklearn.utils._metadata_requests:_RoutingNotSupportedMixin
    """

_LOSSES: Final = """
    sklearn._loss._loss:CyAbsoluteError,CyExponentialLoss,CyHalfBinomialLoss
    sklearn._loss._loss:CyHalfGammaLoss,CyHalfMultinomialLoss,CyHalfPoissonLoss
    sklearn._loss._loss:CyHalfSquaredError,CyHalfTweedieLoss
    sklearn._loss._loss:CyHalfTweedieLossIdentity,CyHuberLoss,CyLossFunction
    sklearn._loss._loss:CyPinballLoss
    sklearn.linear_model._sgd_fast:Classification,EpsilonInsensitive,Hinge
    sklearn.linear_model._sgd_fast:ModifiedHuber,Regression
    sklearn.linear_model._sgd_fast:SquaredEpsilonInsensitive,SquaredHinge
    """

_DISTANCES: Final = """
    sklearn.metrics._dist_metrics:BrayCurtisDistance32,BrayCurtisDistance64
    sklearn.metrics._dist_metrics:CanberraDistance32,CanberraDistance64
    sklearn.metrics._dist_metrics:ChebyshevDistance32,ChebyshevDistance64
    sklearn.metrics._dist_metrics:DiceDistance32,DiceDistance64,DistanceMetric
    sklearn.metrics._dist_metrics:DistanceMetric32,DistanceMetric64
    sklearn.metrics._dist_metrics:EuclideanDistance32,EuclideanDistance64
    sklearn.metrics._dist_metrics:HammingDistance32,HammingDistance64
    sklearn.metrics._dist_metrics:HaversineDistance32,HaversineDistance64
    sklearn.metrics._dist_metrics:JaccardDistance32,JaccardDistance64
    sklearn.metrics._dist_metrics:KulsinskiDistance32,KulsinskiDistance64
    sklearn.metrics._dist_metrics:MahalanobisDistance32,MahalanobisDistance64
    sklearn.metrics._dist_metrics:ManhattanDistance32,ManhattanDistance64
    sklearn.metrics._dist_metrics:MatchingDistance32,MatchingDistance64
    sklearn.metrics._dist_metrics:MinkowskiDistance32,MinkowskiDistance64
    sklearn.metrics._dist_metrics:PyFuncDistance32,PyFuncDistance64
    sklearn.metrics._dist_metrics:RogersTanimotoDistance32,RogersTanimotoDistance64
    sklearn.metrics._dist_metrics:RussellRaoDistance32,RussellRaoDistance64
    sklearn.metrics._dist_metrics:SEuclideanDistance32,SEuclideanDistance64
    sklearn.metrics._dist_metrics:SokalMichenerDistance32,SokalMichenerDistance64
    sklearn.metrics._dist_metrics:SokalSneathDistance32,SokalSneathDistance64
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
            new=shapes.anything,
            state=shapes.attributes,
            items=True,
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
        "sklearn.neighbors._kd_tree:KDTree,KDTree64,KDTree32 "
        "sklearn.neighbors._ball_tree:BallTree,BallTree64,BallTree32 "
        "sklearn.neighbors.kd_tree:KDTree sklearn.neighbors.ball_tree:BallTree",
        Entry(
            "a search tree of arrays, whose types are checked",
            new=shapes.nothing,
            state=shapes.any_state,
            kind="sklearn-native",
        ),
    ),
    (
        "sklearn.metrics._dist_metrics:newObj sklearn.neighbors._kd_tree:newObj "
        "sklearn.neighbors._ball_tree:newObj sklearn.neighbors._dist_metrics:newObj",
        Entry(
            "is cls.__new__ of a listed native class",
            call=shapes.of_kind("sklearn-native"),
            state=shapes.any_state,
            makes="first argument",
        ),
    ),
    (
        "sklearn.tree._tree:Tree",
        Entry(
            "a decision tree of arrays, whose types and shapes are checked",
            call=shapes.anything,
            state=shapes.any_state,
        ),
    ),
    (
        "sklearn.ensemble._hist_gradient_boosting.predictor:TreePredictor "
        "sklearn.ensemble._hist_gradient_boosting.binning:_BinMapper",
        Entry("holds arrays of nodes", new=shapes.nothing, state=shapes.attributes),
    ),
    (
        "sklearn.utils._bunch:Bunch sklearn.utils:Bunch",
        Entry(
            "is a dict whose keys read as attributes",
            new=shapes.nothing,
            call=shapes.containers,
            state=shapes.attributes,
            items=True,
        ),
    ),
    (
        "sklearn.cluster._kmeans:_kmeans_single_lloyd,_kmeans_single_elkan "
        "sklearn.feature_selection._univariate_selection:f_classif,f_regression,chi2,"
        "f_oneway,r_regression "
        "sklearn.feature_selection._mutual_info:mutual_info_classif,mutual_info_regression "
        "sklearn.metrics._classification:accuracy_score,balanced_accuracy_score,"
        "brier_score_loss,class_likelihood_ratios,classification_report,cohen_kappa_score,"
        "confusion_matrix,d2_brier_score,d2_log_loss_score,f1_score,fbeta_score,hamming_loss,"
        "hinge_loss,jaccard_score,log_loss,matthews_corrcoef,multilabel_confusion_matrix,"
        "precision_recall_fscore_support,precision_score,recall_score,zero_one_loss "
        "sklearn.metrics.cluster._supervised:adjusted_mutual_info_score,adjusted_rand_score,"
        "completeness_score,fowlkes_mallows_score,homogeneity_completeness_v_measure,"
        "homogeneity_score,mutual_info_score,normalized_mutual_info_score,"
        "pair_confusion_matrix,rand_score,v_measure_score "
        "sklearn.metrics._ranking:auc,average_precision_score,confusion_matrix_at_thresholds,"
        "coverage_error,dcg_score,det_curve,label_ranking_average_precision_score,"
        "label_ranking_loss,metric_at_thresholds,ndcg_score,precision_recall_curve,"
        "roc_auc_score,roc_curve,top_k_accuracy_score "
        "sklearn.metrics.cluster._unsupervised:calinski_harabasz_score,davies_bouldin_score,"
        "silhouette_samples,silhouette_score "
        "sklearn.metrics.cluster._bicluster:consensus_score "
        "sklearn.metrics._regression:d2_absolute_error_score,d2_pinball_score,"
        "d2_tweedie_score,explained_variance_score,max_error,mean_absolute_error,"
        "mean_absolute_percentage_error,mean_gamma_deviance,mean_pinball_loss,"
        "mean_poisson_deviance,mean_squared_error,mean_squared_log_error,"
        "mean_tweedie_deviance,median_absolute_error,r2_score,root_mean_squared_error,"
        "root_mean_squared_log_error "
        "sklearn.metrics.pairwise:euclidean_distances,nan_euclidean_distances,"
        "pairwise_distances,pairwise_distances_argmin,pairwise_distances_argmin_min,"
        "pairwise_distances_chunked,pairwise_kernels "
        "scipy.spatial.distance:braycurtis,canberra,chebyshev,cityblock,correlation,cosine,dice,"
        "euclidean,hamming,jaccard,jensenshannon,mahalanobis,minkowski,rogerstanimoto,russellrao,"
        "seuclidean,sokalmichener,sokalsneath,sqeuclidean,yule "
        "numpy:mean,median,sum,min,max,std,var,log,log1p,log2,log10,exp,expm1,sqrt,square,abs,"
        "absolute,sign,sin,cos,tan,tanh,asarray "
        "scipy._lib.array_api_compat.numpy._aliases:asarray "
        "scipy.special._ufuncs:expit,logit",
        Entry("is a function over arrays that an estimator keeps; it may not be called"),
    ),
    (
        "sklearn.utils.validation:check_array",
        Entry(
            "checks and copies an array that it is given; it may not be called", kind=FUNCTION
        ),
    ),
    (
        "scipy.sparse._csr:csr_matrix,csr_array scipy.sparse._csc:csc_matrix,csc_array "
        "scipy.sparse._coo:coo_matrix,coo_array scipy.sparse._bsr:bsr_matrix,bsr_array "
        "scipy.sparse._dia:dia_matrix,dia_array scipy.sparse._lil:lil_matrix,lil_array "
        "scipy.sparse._dok:dok_matrix,dok_array scipy.sparse.csr:csr_matrix "
        "scipy.sparse.csc:csc_matrix scipy.sparse.coo:coo_matrix scipy.sparse.bsr:bsr_matrix "
        "scipy.sparse.dia:dia_matrix scipy.sparse.lil:lil_matrix scipy.sparse.dok:dok_matrix "
        "scipy.interpolate._cubic:CubicSpline,PchipInterpolator,Akima1DInterpolator,"
        "CubicHermiteSpline scipy.interpolate._interpolate:PPoly,BPoly,NdPPoly "
        "scipy.interpolate._rgi:RegularGridInterpolator "
        "scipy.interpolate._rbfinterp:RBFInterpolator scipy.stats._kde:gaussian_kde "
        "scipy.interpolate._bsplines:BSpline scipy.interpolate.interpolate:interp1d "
        "scipy.interpolate._interpolate:interp1d scipy.stats.kde:gaussian_kde "
        "scipy.interpolate.fitpack2:UnivariateSpline,LSQUnivariateSpline,"
        "InterpolatedUnivariateSpline scipy.interpolate._fitpack2:UnivariateSpline,"
        "LSQUnivariateSpline,InterpolatedUnivariateSpline",
        Entry(
            "holds arrays as attributes; its __setstate__, if any, updates __dict__",
            new=shapes.nothing,
            state=shapes.attributes,
            items=True,
        ),
    ),
    (
        "scipy.optimize._optimize:OptimizeResult scipy.optimize.optimize:OptimizeResult",
        Entry(
            "is a dict whose keys read as attributes",
            new=shapes.nothing, call=shapes.containers, state=shapes.attributes, items=True,
        ),
    ),
    (
        "joblib.numpy_pickle:NumpyArrayWrapper "
        "sklearn.externals.joblib.numpy_pickle:NumpyArrayWrapper",
        Entry(
            "says how the array that follows in a joblib file is read",
            new=shapes.nothing,
            state=numpy_shapes.array_wrapper,
        ),
    ),
)  # fmt: skip
"""Objects whose classes were reviewed one by one; there are no prefixes."""
