"""Models of gensim: word vectors, topic models, dictionaries.

gensim saves the object as a pickle and large arrays beside it; none of these classes has a
`__setstate__`. Its `load` opens the files beside the pickle, which are examined themselves.
"""

from typing import Final

from scanner.pickles import shapes
from scanner.pickles.allowlist import Entry

ENTRIES: Final = (
    (
        "gensim.models.word2vec:Word2Vec,Word2VecVocab,Word2VecTrainables "
        "gensim.models.keyedvectors:KeyedVectors,Word2VecKeyedVectors,WordEmbeddingsKeyedVectors,"
        "Doc2VecKeyedVectors,FastTextKeyedVectors,Vocab,CompatVocab,EuclideanKeyedVectors "
        "gensim.models.doc2vec:Doc2Vec,Doc2VecVocab,Doc2VecTrainables "
        "gensim.models.fasttext:FastText,FastTextKeyedVectors,FastTextVocab,FastTextTrainables "
        "gensim.models.ldamodel:LdaModel,LdaState gensim.models.ldamulticore:LdaMulticore "
        "gensim.models.tfidfmodel:TfidfModel gensim.models.lsimodel:LsiModel,Projection "
        "gensim.models.phrases:Phrases,Phraser,FrozenPhrases gensim.models.nmf:Nmf "
        "gensim.corpora.dictionary:Dictionary "
        "gensim.similarities.docsim:MatrixSimilarity,SparseMatrixSimilarity",
        Entry(
            "a model: made empty, its attributes are set from a dict",
            new=shapes.nothing,
            state=shapes.attributes,
        ),
    ),
    (
        "gensim.utils:call_on_class_only,identity gensim.models.tfidfmodel:df2idf "
        "gensim.models.phrases:original_scorer,npmi_scorer",
        Entry("is a function that a model keeps; it may not be called"),
    ),
)
"""Vectors and counts as data."""
